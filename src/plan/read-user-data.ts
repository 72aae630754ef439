import { templateOf } from './compiled.ts';
import type { DraftService } from './draft.ts';
import type { Reading } from './fields.ts';
import { renderText, showRendered } from './fields.ts';
import { mentionedPath, nearPath, textOfFile } from './library.ts';
import type { Node } from './node.ts';
import { child, scalarOf } from './node.ts';
import { readOption } from './option-fields.ts';
import { quoted } from './problems.ts';
import type { Template } from './template.ts';
import { literal } from './template.ts';
import { problemAt } from './text-file.ts';

/** Reads user data, whichever way it is written: a text is a template, a file is one where it says so. */
export function readUserData(
  reading: Reading,
  service: DraftService,
  node: Node | undefined,
): Template | null {
  if (node?.kind !== 'map') return readOption(reading, node) ?? null;
  const mention = scalarOf(child(node, 'file'));
  const isTemplate = scalarOf(child(node, 'template'))?.value === true;
  const path = renderText(reading, mention);
  if (mention === undefined) return null;
  if (path === undefined) {
    reading.unreadSources ||= isTemplate;
    return null;
  }
  const { library } = reading;
  const { file } = mention.place;
  const refuse = (message: string, suggestion: string | null = null): null => {
    reading.problems.push(problemAt(mention.place, message, suggestion));
    return null;
  };
  const label = quoted(showRendered(reading, mention, path));
  const absolute = mentionedPath(file, path);
  const entry = library.sources.read(absolute);
  if (entry?.kind !== 'file')
    return refuse(
      `Cannot read user data ${label}: there is no file that can be read`,
      entry === undefined ? nearPath(library.sources, file, path) : null,
    );
  const text = textOfFile(library, absolute, entry.bytes);
  if (text === null) return refuse(`Cannot use ${label} as user data: it is not UTF-8 text`);
  if (!isTemplate) return literal(text.text);
  const uses = reading.sourceUses.get(service) ?? [];
  uses.push({ node: text, where: 'launch', key: 'ec2' });
  reading.sourceUses.set(service, uses);
  return templateOf(library, text) ?? null;
}
