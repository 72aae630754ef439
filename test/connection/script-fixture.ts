import type { ScriptPayload, ScriptRun } from '../../src/connection/script-runner.ts';

/** A payload of one file; a text without `#!` runs under `/bin/sh`. */
export function script(text: string | Buffer): ScriptPayload {
  const body = typeof text === 'string' && !text.startsWith('#!') ? `#!/bin/sh\n${text}` : text;
  return { main: 'script.sh', entries: [{ path: 'script.sh', mode: 0o755, bytes: Buffer.from(body) }] };
}

let runs = 0;

/** A run under a name of its own that asks for nothing special. */
export function scriptRun(text: string | Buffer, change: Partial<ScriptRun> = {}): ScriptRun {
  runs += 1;
  return {
    base: '.plan/d-1',
    name: `1-bootstrap-${runs}`,
    script: script(text),
    args: [],
    env: {},
    user: null,
    asRoot: false,
    attributes: '{"self":{}}',
    files: [],
    outputs: true,
    stopFirst: [],
    ...change,
  };
}

/** Collects what a run prints. */
export function collector(): {
  readonly onOutput: (chunk: Buffer) => void;
  readonly bytes: () => Buffer;
  readonly text: () => string;
} {
  const chunks: Buffer[] = [];
  const bytes = () => Buffer.concat(chunks);
  return { onOutput: (chunk) => chunks.push(Buffer.from(chunk)), bytes, text: () => bytes().toString() };
}
