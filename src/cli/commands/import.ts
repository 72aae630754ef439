import { displayPath } from '../../api/display-path.ts';
import type { ImportSummary } from '../../api/import.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { printJson, tell } from '../context.ts';
import { countOf } from '../render/happening.ts';
import { exitCodeOf } from '../io.ts';
import { withState } from '../open-here.ts';
import { passphraseOf } from '../passphrase.ts';
import { untilStopped } from '../stopping.ts';

export const importCommand: Command = (context) =>
  untilStopped(context.io, (signal) =>
    withState(context, async (state) => {
      const passphrase = await passphraseOf(context, { isNew: false }, { signal });
      if (passphrase === null) return exitCodeOf('SIGINT');
      const summary = await state.importFrom(context.args[0] ?? '', { passphrase, signal });
      if (context.flags.json) printJson(context, document(summary));
      else for (const line of wordsOf(summary, context)) tell(context, line);
      return 0;
    }),
  );

function document({ exportedAt, ...summary }: ImportSummary): object {
  return { format: 1, ...summary, exportedAt: new Date(exportedAt).toISOString() };
}

function wordsOf(summary: ImportSummary, { io }: Context): readonly string[] {
  const { name, owner, exportedAt, machines, facts, plan, moved, leftBehind, homes, missingKeys } = summary;
  const when = new Date(exportedAt).toISOString().slice(0, 16).replace('T', ' ');
  const lines = [
    `"${name}", exported by ${owner} at ${when} UTC, is recorded here: ${countOf(machines, 'machine')}, ${countOf(facts, 'recorded event')}.`,
  ];
  if (plan !== null) lines.push(`Its plan is "${displayPath(plan, io.cwd)}".`);
  if (leftBehind.length > 0)
    lines.push(
      `${countOf(leftBehind.length, 'machine')} stayed on the other computer; "plan up" launches as many here.`,
    );
  for (const home of homes)
    lines.push(`Machines of this computer stay in "${home}", which has to stay as long as they are there.`);
  for (const path of missingKeys)
    lines.push(`Warning: machines are reached with the private key "${path}", which is not here.`);
  if (!moved)
    lines.push(
      `Warning: it was exported without --move. See to it that nobody works on it in "${summary.origin}" any more.`,
    );
  lines.push(`Look whether all is well with "plan status ${name} --refresh".`);
  return lines;
}
