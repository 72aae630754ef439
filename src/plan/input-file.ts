import type { Problem } from './diagnostic.ts';
import type { Draft } from './draft.ts';
import { decodeText } from './library.ts';
import { didYouMean } from '../nearest.ts';
import { scalarOf } from './node.ts';
import { quoted } from './problems.ts';
import type { Place } from './text-file.ts';
import { problemAt, textFile } from './text-file.ts';
import { parseYaml } from './yaml.ts';

/** Adds the texts of an `--input-file` to `texts`. It is read beside the plan's sources: it may hold secrets. */
export function readInputFile(
  draft: Draft,
  path: string,
  report: { readonly problems: Problem[]; readonly warnings: Problem[] },
  texts: Map<string, { readonly text: string; readonly from: string; readonly place: Place | null }>,
): void {
  const shown = draft.library.show(path);
  const entry = draft.base.read(path);
  const text = entry?.kind === 'file' ? decodeText(entry.bytes) : undefined;
  if (typeof text !== 'string') {
    const why = text === null ? 'it is not UTF-8 text' : 'there is no file that can be read';
    const start: Place = { file: textFile(path, shown, ''), offset: 0, length: 1 };
    report.problems.push(problemAt(start, `Cannot read input file ${quoted(shown)}: ${why}`));
    return;
  }
  const file = textFile(path, shown, text);
  const { root, problems } = parseYaml(file);
  report.problems.push(...problems);
  if (root === null) return;
  if (root.kind !== 'map') {
    const message = `Cannot use input file ${quoted(shown)}: it is not a map from names to values`;
    report.problems.push(problemAt({ file, offset: 0, length: 1 }, message));
    return;
  }
  for (const { key, keyPlace, value } of root.entries.values()) {
    const scalar = scalarOf(value);
    if (!draft.inputs.has(key)) {
      const message = `Input ${quoted(key)} is ignored: the plan declares no such input`;
      report.warnings.push(problemAt(keyPlace, message, didYouMean(key, draft.inputs.keys())));
    } else if (scalar === undefined) {
      report.problems.push(
        problemAt(keyPlace, `Cannot use input ${quoted(key)}: it is not a text, number or boolean`),
      );
    } else {
      texts.set(key, { text: scalar.text, from: 'as given by --input-file', place: scalar.place });
    }
  }
}
