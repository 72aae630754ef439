import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import { listLogs } from '../../state/log-files.ts';
import type { LogEntry } from '../../state/log-files.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { printJson, tell } from '../context.ts';
import { givenName, loadDeployment, withStore } from '../deployments.ts';
import { follow } from '../follow.ts';
import { writeJsonLine } from '../render/json.ts';
import { version } from '../version.ts';

export const logsCommand: Command = (context) =>
  withStore(context, async (store, stateDirectory) => {
    const { io, flags, args, options } = context;
    const state = await loadDeployment(store, givenName(context, undefined));
    const machine = machineOf(state, args[0] ?? '');
    const goesOn = options.flag('follow');
    if (flags.json && !goesOn) {
      const logs = entries().map((entry) => ({
        ...entry,
        text: readFrom(join(stateDirectory, entry.path), 0).toString(),
      }));
      printJson(context, { format: 1, deployment: state.name, machine, logs });
      return 0;
    }
    if (flags.json) writeJsonLine(io.stdout, { type: 'version', format: 1, version: version() });
    const seen = new Map<string, number>();
    const show = shower(context, machine);
    const code = await follow(context, { store, state, follow: goesOn }, () => {
      const found = entries();
      for (const entry of found) {
        const position = seen.get(entry.path) ?? 0;
        const bytes = readFrom(join(stateDirectory, entry.path), position);
        seen.set(entry.path, position + bytes.length);
        if (bytes.length > 0) show(entry, bytes, goesOn || found.length > 1);
      }
    });
    if (seen.size === 0) tell(context, nothingFound(machine, hasEarlier()));
    return code;

    function entries(): readonly LogEntry[] {
      const all = allEntries();
      if (options.flag('all')) return all;
      const generation = Math.max(generationOf(machine), ...all.map((entry) => entry.generation));
      return all.filter((entry) => entry.generation === generation);
    }

    function allEntries(): readonly LogEntry[] {
      const step = options.text('step');
      return listLogs(stateDirectory, state, machine).filter(
        (entry) => step === undefined || entry.step === step,
      );
    }

    function hasEarlier(): boolean {
      return !options.flag('all') && allEntries().length > 0;
    }

    /** A launch that is under way counts: the logs are those of the machine that comes. */
    function generationOf(name: string): number {
      return state.machines.get(name)?.generation ?? 0;
    }
  });

function machineOf(state: DeploymentState, name: string): string {
  if (state.machines.has(name)) return name;
  throw new UsageError(
    `Cannot find machine "${name}": "${state.name}" has no such machine`,
    `Run "plan status ${state.name}" to see its machines.`,
  );
}

function nothingFound(machine: string, hasEarlier: boolean): string {
  return hasEarlier
    ? `"${machine}" has no such log: nothing was printed since it was launched anew.\nAdd --all for what was printed before.`
    : `"${machine}" has no such log: nothing was printed.`;
}

/** Prints pieces of logs, with a header wherever another log goes on. */
function shower({ io, flags }: Context, machine: string) {
  let current: string | undefined;
  let lineEnded = true;
  return (entry: LogEntry, bytes: Buffer, withHeader: boolean): void => {
    const { step, generation, attempt } = entry;
    if (flags.json) {
      writeJsonLine(io.stdout, { type: 'log', machine, step, generation, attempt, text: bytes.toString() });
      return;
    }
    if (withHeader && current !== entry.path) {
      const again = attempt > 1 ? `, try ${attempt}` : '';
      const instance = generation > 1 ? `, instance ${generation}` : '';
      io.stdout.write(
        `${lineEnded ? '' : '\n'}${current === undefined ? '' : '\n'}==> ${machine} ${step}${again}${instance} <==\n`,
      );
    }
    current = entry.path;
    lineEnded = bytes.at(-1) === 10;
    io.stdout.write(bytes);
  };
}

/** The rest of a file. One that was rewritten and is shorter now has no rest. */
function readFrom(path: string, position: number): Buffer {
  const file = openSync(path, 'r');
  try {
    const length = Math.max(0, fstatSync(file).size - position);
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(file, bytes, 0, length, position));
  } finally {
    closeSync(file);
  }
}
