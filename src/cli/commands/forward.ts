import type { Forward } from '../../api/forward.ts';
import { UsageError } from '../../errors.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { print, tell } from '../context.ts';
import type { ForwardSpec } from '../forward-spec.ts';
import { parseForward } from '../forward-spec.ts';
import { inputsOf } from '../given-inputs.ts';
import { givenName, withState } from '../open-here.ts';
import { writeJsonLine } from '../render/json.ts';
import { untilStopped } from '../stopping.ts';
import { version } from '../version.ts';

/** Listens on all of them or on none, until it is interrupted: 130, or 143. */
export const forwardCommand: Command = (context) =>
  withState(context, (state) =>
    untilStopped(context.io, async (signal) => {
      const { io, flags, args } = context;
      const [machine = '', ...texts] = args;
      const specs = texts.map(parseForward);
      if (specs.length === 0)
        throw new UsageError(
          'Cannot forward nothing: no port is given',
          'Write PORT or LOCAL:PORT, such as 8080:80.',
        );
      const deployment = await state.deployment(givenName(context, undefined));
      const host = context.options.text('host');
      const forwards = await deployment.forwards(
        machine,
        specs.map(({ address, local, port }) => ({ port, host, local: { host: address, port: local } })),
        {
          ...inputsOf(context),
          signal,
          onError: (message, { port }) => tellError(context, { machine, host, port }, message),
        },
      );
      if (flags.json) writeJsonLine(io.stdout, { type: 'version', format: 1, version: version() });
      forwards.forEach((forward, i) =>
        tellListening(context, forward, { machine, host, port: portOf(specs[i]) }),
      );
      await Promise.all(forwards.map(({ closed }) => closed));
      signal.throwIfAborted();
      return 0;
    }),
  );

interface Target {
  readonly machine: string;
  /** Undefined: the machine itself. */
  readonly host: string | undefined;
  readonly port: number;
}

function portOf(spec: ForwardSpec | undefined): number {
  return spec?.port ?? 0;
}

function tellListening(context: Context, { host: address, port: local }: Forward, to: Target): void {
  const { io, flags } = context;
  if (!flags.json) print(context, `${at(address, local)} -> ${wordsOf(to)}`);
  else {
    const target = { host: to.host ?? '127.0.0.1', port: to.port };
    writeJsonLine(io.stdout, {
      type: 'listening',
      machine: to.machine,
      host: address,
      port: local,
      to: target,
    });
  }
}

function tellError(context: Context, to: Target, message: string): void {
  const { io, flags } = context;
  if (!flags.json) tell(context, `${wordsOf(to)}: ${message}`);
  else writeJsonLine(io.stdout, { type: 'error', machine: to.machine, port: to.port, message });
}

function wordsOf({ machine, host, port }: Target): string {
  return host === undefined ? `${machine}:${port}` : `${at(host, port)} by way of ${machine}`;
}

function at(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
