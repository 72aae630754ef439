import { mergeDefaults } from './defaults.ts';
import type { Problem } from './diagnostic.ts';
import type { DraftLevel, DraftService } from './draft.ts';
import type { Library } from './library.ts';
import { mentionedPath, nearPath } from './library.ts';
import type { MapNode, Node } from './node.ts';
import { child, entriesOf, itemsOf, scalarOf, stringOf } from './node.ts';
import { quoted } from './problems.ts';
import { readYaml } from './read-yaml.ts';
import { declaredOutputs } from './read-outputs.ts';
import { validateShape } from './schema.ts';
import type { Place } from './text-file.ts';
import { problemAt } from './text-file.ts';

export interface ReadLevels {
  readonly levels: readonly DraftLevel[];
  readonly names: readonly { readonly name: string; readonly place: Place }[];
}

/** Reads the levels of a plan, those in files of their own too, and merges the defaults into their services. */
export function readLevels(library: Library, plan: Node, problems: Problem[]): ReadLevels {
  const defaults = child(plan, 'defaults');
  const levels: DraftLevel[] = [];
  const names: { name: string; place: Place }[] = [];
  const files = new Set<string>();
  for (const item of itemsOf(child(plan, 'levels'))) {
    const node = child(item, 'file') === undefined ? item : readLevelFile(library, item, files, problems);
    const name = scalarOf(child(node, 'name'));
    if (name !== undefined) names.push({ name: name.text, place: name.place });
    const level = { name: name?.text ?? '', index: levels.length };
    const services = [...entriesOf(child(node, 'services'))].map(({ key, keyPlace, value }): DraftService => {
      const own: MapNode =
        value.kind === 'map' ? value : { kind: 'map', place: value.place, entries: new Map() };
      const keys = mergeDefaults(defaults, own);
      const outputs = declaredOutputs(keys.entries.get('outputs')?.value);
      return { name: key, place: keyPlace, level: level.name, levelIndex: level.index, keys, own, outputs };
    });
    levels.push({ ...level, services });
  }
  return { levels, names };
}

function readLevelFile(
  library: Library,
  item: Node,
  files: Set<string>,
  problems: Problem[],
): Node | undefined {
  const mention = child(item, 'file');
  const path = stringOf(mention);
  if (mention === undefined || path === undefined) return undefined;
  const { file } = mention.place;
  const absolute = mentionedPath(file, path);
  if (files.has(absolute)) {
    problems.push(problemAt(mention.place, `Cannot use level file ${quoted(path)} twice`));
    return undefined;
  }
  files.add(absolute);
  const read = readYaml(library, absolute);
  if (read === null) {
    const message = `Cannot read level file ${quoted(path)}: there is no file that can be read`;
    problems.push(problemAt(mention.place, message, nearPath(library.sources, file, path)));
    return undefined;
  }
  problems.push(...read.problems);
  if (read.root === null) return undefined;
  problems.push(...validateShape(read.root, 'levelFile'));
  return read.root;
}
