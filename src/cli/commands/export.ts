import type { ExportSummary } from '../../api/export.ts';
import type { Command } from '../command-spec.ts';
import { printJson, tell } from '../context.ts';
import { exitCodeOf } from '../io.ts';
import { givenName, withState } from '../open-here.ts';
import { passphraseOf } from '../passphrase.ts';
import { untilStopped } from '../stopping.ts';
import { countOf } from '../render/happening.ts';

export const exportCommand: Command = (context) =>
  untilStopped(context.io, (signal) =>
    withState(context, async (state) => {
      const { options, flags } = context;
      const deployment = await state.deployment(givenName(context, undefined));
      const passphrase = await passphraseOf(context, { isNew: true }, { signal });
      if (passphrase === null) return exitCodeOf('SIGINT');
      const summary = await deployment.exportTo(context.args[0] ?? '', {
        passphrase,
        force: options.flag('force'),
        move: options.flag('move'),
        logs: options.flag('logs'),
        signal,
      });
      if (flags.json) printJson(context, { format: 1, ...summary });
      else for (const line of wordsOf(summary)) tell(context, line);
      return 0;
    }),
  );

function wordsOf({ name, file, machines, facts, moved, here }: ExportSummary): readonly string[] {
  const lines = [
    `"${name}" is in "${file}": ${countOf(machines, 'machine')}, ${countOf(facts, 'recorded event')}.`,
  ];
  if (here.length > 0)
    lines.push(
      `On another computer "plan up" launches ${listed(here)} anew: what is on this computer stays here.`,
    );
  if (moved)
    lines.push('It can be changed here no longer. "plan import" makes it go on elsewhere, or here again.');
  else lines.push('It goes on here, too: export with --move to let only one state directory work on it.');
  return lines;
}

/** The first few names. */
function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
