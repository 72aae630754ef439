import type { Command } from '../command-spec.ts';
import { print, printJson } from '../context.ts';
import { inputsOf } from '../given-inputs.ts';
import { givenName, withState } from '../open-here.ts';
import { countOf } from '../render/happening.ts';
import { styleOf } from '../render/style.ts';
import { untilStopped } from '../stopping.ts';

/** Exit code 0 when every machine is as it was when it was ready, else 1. */
export const verifyCommand: Command = (context) =>
  withState(context, (opened) =>
    untilStopped(context.io, async (signal) => {
      const { io, flags, args } = context;
      const deployment = await opened.deployment(givenName(context, args[0]));
      const findings = await deployment.verify({ ...inputsOf(context), signal });
      const failed = findings.flatMap(({ machine, failure }) =>
        failure === null ? [] : [{ machine, failure }],
      );
      const isFine = failed.length === 0 && findings.length > 0;
      if (flags.json) {
        const machines = findings.map(({ machine, failure }) => ({ machine, failure }));
        printJson(context, { format: 1, deployment: deployment.name, ok: isFine, machines });
        return isFine ? 0 : 1;
      }
      const style = styleOf(io.stdout, io.env, flags);
      for (const { machine, failure } of failed) {
        print(context, `${style.bad('✘')} ${style.bold(machine)}  ${failure.step}: ${failure.message}`);
        for (const line of failure.logTail) print(context, `    | ${line}`);
      }
      if (findings.length === 0) print(context, `"${deployment.name}" has no machines.`);
      else if (isFine) print(context, `${style.good('✔')} ${countOf(findings.length, 'machine')} verified`);
      else print(context, `${failed.length} of ${countOf(findings.length, 'machine')} did not pass`);
      return isFine ? 0 : 1;
    }),
  );
