import type { Library, ScriptSource } from './library.ts';
import { mentionedPath, nearPath } from './library.ts';
import { quoted } from './problems.ts';
import { MAX_TREE_FILES, readTree } from './source-tree.ts';
import type { TextFile } from './text-file.ts';

/** How a plan names a script; messages show `label`. */
interface ScriptMention {
  readonly path: string;
  readonly label: string;
}

/** Reads the script that `file` mentions. */
export function readScriptSource(library: Library, file: TextFile, mention: ScriptMention): ScriptSource {
  const absolute = mentionedPath(file, mention.path);
  const key = `${absolute}\0${mention.label}`;
  const known = library.scripts.get(key);
  if (known !== undefined) return known;
  const source = load(library, file, mention, absolute);
  library.scripts.set(key, source);
  return source;
}

function load(
  library: Library,
  file: TextFile,
  { path, label }: ScriptMention,
  absolute: string,
): ScriptSource {
  const entry = library.sources.read(absolute);
  if (entry === undefined) {
    const suggestion = nearPath(library.sources, file, path);
    return refuse('read', label, 'there is no file or directory that can be read', suggestion);
  }
  if (entry.kind === 'file') {
    const main = absolute.slice(absolute.lastIndexOf('/') + 1);
    const entries = [{ path: main, mode: entry.mode, bytes: entry.bytes }];
    return unrunnable(label, entry) ?? { ok: true, kind: 'file', entries, main };
  }
  const tree = readTree(library.sources, absolute);
  if (tree.kind === 'too-large')
    return refuse('read', label, `the directory holds more than ${MAX_TREE_FILES} files`, null);
  if (tree.kind === 'unreadable')
    return refuse('read', `${label}/${tree.path}`, 'there is no file that can be read', null);
  const run = tree.files.find((each) => each.path === 'run');
  if (run === undefined) return refuse('run', label, 'the directory holds no file "run"', null);
  return (
    unrunnable(`${label.replace(/\/$/, '')}/run`, run) ?? {
      ok: true,
      kind: 'directory',
      entries: tree.files,
      main: 'run',
    }
  );
}

function unrunnable(
  path: string,
  file: { readonly mode: number; readonly bytes: Buffer },
): ScriptSource | null {
  if ((file.mode & 0o111) === 0)
    return refuse('run', path, 'it is not executable', `Make it executable: chmod +x ${path}`);
  if (file.bytes.subarray(0, 2).toString('latin1') === '#!') return null;
  return refuse(
    'run',
    path,
    'it does not begin with #!',
    'Begin it with a line that names an interpreter: #!/bin/sh',
  );
}

function refuse(verb: 'read' | 'run', path: string, why: string, suggestion: string | null): ScriptSource {
  return { ok: false, message: `Cannot ${verb} script ${quoted(path)}: ${why}`, suggestion };
}
