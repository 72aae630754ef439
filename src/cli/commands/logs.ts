import type { LogPiece, LogSelection } from '../../api/logs.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { printJson, tell } from '../context.ts';
import { followed } from '../followed.ts';
import { givenName, withState } from '../open-here.ts';
import { writeJsonLine } from '../render/json.ts';
import { version } from '../version.ts';

export const logsCommand: Command = (context) =>
  withState(context, async (state) => {
    const { io, flags, options } = context;
    const [machine = ''] = context.args;
    const deployment = await state.deployment(givenName(context, undefined));
    const selection = { step: stepOf(context), all: options.flag('all') };
    const files = await deployment.logFiles(machine, selection);
    const follow = options.flag('follow');
    if (flags.json && !follow) {
      const texts = new Map<string, Buffer[]>();
      for await (const { path, bytes } of deployment.logs(machine, selection))
        texts.set(path, [...(texts.get(path) ?? []), bytes]);
      const logs = files.map((file) => ({
        ...file,
        text: Buffer.concat(texts.get(file.path) ?? []).toString(),
      }));
      printJson(context, { format: 1, deployment: deployment.name, machine, logs });
      return 0;
    }
    if (flags.json) writeJsonLine(io.stdout, { type: 'version', format: 1, version: version() });
    const show = shower(context, machine);
    const code = await followed(context, deployment, async (signal) => {
      for await (const piece of deployment.logs(machine, { ...selection, follow, signal }))
        show(piece, follow || files.length > 1);
    });
    if ((await deployment.logFiles(machine, selection)).length === 0) {
      const earlier = await deployment.logFiles(machine, { ...selection, all: true });
      tell(context, nothingFound(machine, earlier.length > 0));
    }
    return code;
  });

/** The parser lets nothing else through. */
function stepOf({ options }: Context): LogSelection['step'] {
  const step = options.text('step');
  return STEPS.find((name) => name === step);
}

const STEPS = ['bootstrap', 'verify', 'teardown'] as const;

function nothingFound(machine: string, hasEarlier: boolean): string {
  return hasEarlier
    ? `"${machine}" has no such log: nothing was printed since it was launched anew.\nAdd --all for what was printed before.`
    : `"${machine}" has no such log: nothing was printed.`;
}

/** Prints pieces of logs, with a header wherever another log goes on. */
function shower({ io, flags }: Context, machine: string) {
  let current: string | undefined;
  let lineEnded = true;
  return ({ path, step, generation, attempt, bytes }: LogPiece, withHeader: boolean): void => {
    if (flags.json) {
      writeJsonLine(io.stdout, { type: 'log', machine, step, generation, attempt, text: bytes.toString() });
      return;
    }
    if (withHeader && current !== path) {
      const again = attempt > 1 ? `, try ${attempt}` : '';
      const instance = generation > 1 ? `, instance ${generation}` : '';
      io.stdout.write(
        `${lineEnded ? '' : '\n'}${current === undefined ? '' : '\n'}==> ${machine} ${step}${again}${instance} <==\n`,
      );
    }
    current = path;
    lineEnded = bytes.at(-1) === 10;
    io.stdout.write(bytes);
  };
}
