import type { Reading } from './fields.ts';
import { readDuration, readTemplate, readTemplates, readWhole, renderText, showRendered } from './fields.ts';
import type { Node } from './node.ts';
import { child, itemsOf, scalarOf, stringOf } from './node.ts';
import type { Script } from './plan.ts';
import { readScriptSource } from './script-source.ts';
import { problemAt } from './text-file.ts';

const INLINE_HEAD = '#!/bin/sh -eu\n';

/** Reads `bootstrap`, `teardown` or a check's script; null when there is none, or none that is known yet. */
export function readScript(
  reading: Reading,
  node: Node | undefined,
  limits: { readonly timeout: number; readonly attempts: number },
): Script | null {
  if (node === undefined || node.kind === 'list') return null;
  const options = node.kind === 'map' ? node : undefined;
  const timeout = readDuration(reading, child(options, 'timeout'));
  const attempts = readWhole(reading, child(options, 'attempts'), { min: 1, max: Infinity });
  const body = readBody(reading, node);
  if (body === null) return null;
  return {
    ...body,
    args: itemsOf(child(options, 'args')).flatMap((item) => readTemplate(reading, item) ?? []),
    env: readTemplates(reading, child(options, 'env')),
    user: stringOf(child(options, 'user')) === 'root' ? 'root' : null,
    timeout: timeout ?? limits.timeout,
    attempts: attempts ?? limits.attempts,
  };
}

function readBody(reading: Reading, node: Node): Pick<Script, 'kind' | 'label' | 'entries' | 'main'> | null {
  const inline = stringOf(child(node, 'run'));
  if (inline !== undefined) {
    const entries = [{ path: 'run', mode: 0o755, bytes: Buffer.from(`${INLINE_HEAD}${inline}`) }];
    return { kind: 'inline', label: 'run', entries, main: 'run' };
  }
  const scalar = scalarOf(node.kind === 'scalar' ? node : child(node, 'script'));
  const path = renderText(reading, scalar);
  if (scalar === undefined || path === undefined) return null;
  const label = showRendered(reading, scalar, path);
  const source = readScriptSource(reading.library, scalar.place.file, { path, label });
  if (source.ok) return { kind: source.kind, label, entries: source.entries, main: source.main };
  reading.problems.push(problemAt(scalar.place, source.message, source.suggestion));
  return null;
}
