import { dirname, relative, resolve } from 'node:path';
import type { SourceEntry, Sources } from '../sources.ts';
import { nearest } from '../nearest.ts';
import type { ScalarNode } from './node.ts';
import type { Script } from './plan.ts';
import type { compileTemplate } from './template.ts';
import { textFile } from './text-file.ts';
import type { TextFile } from './text-file.ts';

/** What was read for one plan, and what was made of it: nothing is read or compiled twice. */
export interface Library {
  readonly sources: Sources;
  /** Everything that `sources` answered, by absolute path. */
  readonly recorded: Map<string, SourceEntry>;
  /** The path of a file as problems show it. */
  readonly show: (path: string) => string;
  /** By text. */
  readonly templates: Map<string, CompiledTemplate>;
  readonly texts: Map<string, ScalarNode | null>;
  readonly scripts: Map<string, ScriptSource>;
}

export type CompiledTemplate = ReturnType<typeof compileTemplate>;

/** What a script's path leads to, or why it cannot be run. */
export type ScriptSource =
  | ({ readonly ok: true } & Pick<Script, 'kind' | 'entries' | 'main'>)
  | { readonly ok: false; readonly message: string; readonly suggestion: string | null };

export function openLibrary(sources: Sources, show: (path: string) => string): Library {
  return record(sources, new Map(), show, new Map());
}

/** A library that knows what `library` knows, and keeps to itself what it reads. */
export function forkLibrary(library: Library, sources: Sources): Library {
  return record(sources, new Map(library.recorded), library.show, library.templates, library);
}

function record(
  sources: Sources,
  recorded: Map<string, SourceEntry>,
  show: (path: string) => string,
  templates: Map<string, CompiledTemplate>,
  known?: Library,
): Library {
  return {
    recorded,
    show,
    templates,
    texts: new Map(known?.texts),
    scripts: new Map(known?.scripts),
    sources: {
      read(path) {
        const entry = recorded.get(path) ?? sources.read(path);
        if (entry !== undefined) recorded.set(path, entry);
        return entry;
      },
    },
  };
}

/** The absolute path that a file mentions. */
export function mentionedPath(file: TextFile, path: string): string {
  return resolve(dirname(file.path), path);
}

/** A path near a missing one, as the mentioning file would write it: `Did you mean "scripts/web.sh"?`. */
export function nearPath(sources: Sources, file: TextFile, path: string): string | null {
  const missing = mentionedPath(file, path);
  const directory = sources.read(dirname(missing));
  if (directory?.kind !== 'directory') return null;
  const near = nearest(missing.slice(dirname(missing).length).replace(/^\//, ''), directory.names);
  return near === null
    ? null
    : `Did you mean "${relative(dirname(file.path), resolve(dirname(missing), near))}"?`;
}

/** The text of bytes, less a byte order mark; null when they are not UTF-8. */
export function decodeText(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** A whole file as one scalar, so that templates in it have places; null when it is not UTF-8. */
export function textOfFile(library: Library, path: string, bytes: Buffer): ScalarNode | null {
  const known = library.texts.get(path);
  if (known !== undefined) return known;
  const text = decodeText(bytes);
  let node: ScalarNode | null = null;
  if (text !== null) {
    const file = textFile(path, library.show(path), text);
    node = {
      kind: 'scalar',
      place: { file, offset: 0, length: text.length },
      value: text,
      text,
      style: 'file',
    };
  }
  library.texts.set(path, node);
  return node;
}
