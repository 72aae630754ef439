import type { Reading } from './fields.ts';
import { showRendered } from './fields.ts';
import { mentionedPath, nearPath } from './library.ts';
import type { Node } from './node.ts';
import { scalarsIn } from './node.ts';
import { quoted } from './problems.ts';
import { readYaml } from './read-yaml.ts';
import { validateShape } from './schema.ts';
import { problemAt } from './text-file.ts';

/** `program`: an executable file, to be run for its output; else the list that the file holds, without templates. */
export type Inventory =
  { readonly kind: 'program'; readonly path: string } | { readonly kind: 'list'; readonly root: Node };

/** Reads the file of an inventory, which is archived with the plan; null after a problem. */
export function readInventory(reading: Reading, mention: Node, path: string): Inventory | null {
  const { library } = reading;
  const { file } = mention.place;
  const label = quoted(showRendered(reading, mention, path));
  const refuse = (message: string, suggestion: string | null = null): null => {
    reading.problems.push(problemAt(mention.place, message, suggestion));
    return null;
  };
  const absolute = mentionedPath(file, path);
  const entry = library.sources.read(absolute);
  if (entry?.kind !== 'file')
    return refuse(
      `Cannot read inventory ${label}: there is no file that can be read`,
      entry === undefined ? nearPath(library.sources, file, path) : null,
    );
  if (entry.bytes.subarray(0, 2).toString() === '#!') {
    if ((entry.mode & 0o111) !== 0) return { kind: 'program', path: absolute };
    return refuse(`Cannot run inventory ${label}: it is not executable`, 'Make it so: chmod +x');
  }
  const yaml = readYaml(library, absolute);
  reading.problems.push(...(yaml?.problems ?? []));
  if (!yaml?.root) return null;
  const problems = validateShape(yaml.root, 'inventory');
  for (const scalar of scalarsIn(yaml.root))
    if (scalar.text.includes('{{'))
      reading.problems.push(
        problemAt(scalar.place, `Cannot use ${quoted(scalar.text)}: an inventory holds no templates`),
      );
  reading.problems.push(...problems);
  return problems.length > 0 ? null : { kind: 'list', root: yaml.root };
}
