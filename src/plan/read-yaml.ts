import { isUtf8 } from 'node:buffer';
import type { Problem } from './diagnostic.ts';
import type { Library } from './library.ts';
import type { Node } from './node.ts';
import { quoted } from './problems.ts';
import type { TextFile } from './text-file.ts';
import { problemAt, textFile } from './text-file.ts';
import { parseYaml } from './yaml.ts';

export interface YamlFile {
  readonly file: TextFile;
  /** Null: there is no value that can be checked further. */
  readonly root: Node | null;
  readonly problems: readonly Problem[];
}

/** Reads a file as YAML; null when there is no file that can be read. */
export function readYaml(library: Library, path: string): YamlFile | null {
  const entry = library.sources.read(path);
  if (entry?.kind !== 'file') return null;
  const shown = library.show(path);
  const text = new TextDecoder('utf-8').decode(entry.bytes);
  const file = textFile(path, shown, text);
  const refuse = (offset: number, why: string): YamlFile => {
    const problem = problemAt({ file, offset, length: 1 }, `Cannot read ${quoted(shown)}: ${why}`);
    return { file, root: null, problems: [problem] };
  };
  const bad = text.indexOf('\ufffd');
  if (bad !== -1 && !isUtf8(entry.bytes)) return refuse(bad, 'it is not UTF-8 text');
  const { root, problems } = parseYaml(file);
  if (root === null && problems.length === 0) return refuse(0, 'it is empty');
  return { file, root, problems };
}
