import { templateOf } from './compiled.ts';
import type { DraftService } from './draft.ts';
import type { Reading } from './fields.ts';
import { readTemplate, renderText, showRendered } from './fields.ts';
import { mentionedPath, nearPath, textOfFile } from './library.ts';
import type { Node, ScalarNode } from './node.ts';
import { child, itemsOf, scalarOf, stringOf } from './node.ts';
import type { FileContent, FileEntry, FileSpec } from './plan.ts';
import { quoted } from './problems.ts';
import type { TreeFile } from './source-tree.ts';
import { MAX_TREE_FILES, readTree } from './source-tree.ts';
import { problemAt } from './text-file.ts';

/** Reads a service's `files`; what cannot be read, or is not known yet, is left out. */
export function readFiles(
  reading: Reading,
  service: DraftService,
  node: Node | undefined,
): readonly FileSpec[] {
  return itemsOf(node).flatMap((item) => readFile(reading, service, item) ?? []);
}

function readFile(reading: Reading, service: DraftService, item: Node): FileSpec | null {
  const target = readTemplate(reading, child(item, 'target'));
  const mode = stringOf(child(item, 'mode'));
  const content = readContent(reading, service, item);
  if (target === null || content === null) return null;
  return { target, mode: mode === undefined ? null : Number.parseInt(mode, 8), content };
}

function readContent(reading: Reading, service: DraftService, item: Node): FileContent | null {
  const text = readTemplate(reading, child(item, 'content'));
  if (text !== null) return { kind: 'text', text };
  const source = scalarOf(child(item, 'source'));
  const flag = child(item, 'template');
  const isTemplate = flag?.kind === 'scalar' && flag.value === true;
  const path = renderText(reading, source);
  if (source === undefined) return null;
  if (path === undefined) {
    reading.unreadSources ||= isTemplate;
    return null;
  }
  const files = sourceFiles(reading, source, path);
  if (files === null) return null;
  const root = mentionedPath(source.place.file, path);
  const entries = files.map((file): FileEntry | null => {
    if (!isTemplate) return { path: file.path, mode: file.mode, body: { kind: 'bytes', bytes: file.bytes } };
    return templateEntry(reading, service, source, file, file.path === '' ? root : `${root}/${file.path}`);
  });
  return { kind: 'tree', entries: entries.filter((entry) => entry !== null) };
}

function sourceFiles(reading: Reading, node: ScalarNode, path: string): readonly TreeFile[] | null {
  const { file } = node.place;
  const label = showRendered(reading, node, path);
  const refuse = (what: string, why: string, suggestion: string | null = null): null => {
    reading.problems.push(problemAt(node.place, `Cannot read file ${quoted(what)}: ${why}`, suggestion));
    return null;
  };
  const tree = readTree(reading.library.sources, mentionedPath(file, path));
  switch (tree.kind) {
    case 'tree':
      return tree.files;
    case 'too-large':
      return refuse(label, `the directory holds more than ${MAX_TREE_FILES} files`);
    case 'unreadable': {
      const why = 'there is no file or directory that can be read';
      if (tree.path !== '') return refuse(`${label}/${tree.path}`, why);
      return refuse(label, why, nearPath(reading.library.sources, file, path));
    }
  }
}

function templateEntry(
  reading: Reading,
  service: DraftService,
  source: ScalarNode,
  file: TreeFile,
  path: string,
): FileEntry | null {
  const node = textOfFile(reading.library, path, file.bytes);
  if (node === null) {
    const shown = quoted(reading.library.show(path));
    reading.problems.push(problemAt(source.place, `Cannot use ${shown} as a template: it is not UTF-8 text`));
    return null;
  }
  const uses = reading.sourceUses.get(service) ?? [];
  uses.push({ node, where: 'bootstrap', key: 'files' });
  reading.sourceUses.set(service, uses);
  const text = templateOf(reading.library, node);
  return text === undefined ? null : { path: file.path, mode: file.mode, body: { kind: 'template', text } };
}
