import { createHash } from 'node:crypto';
import type { RemoteFile } from './connection.ts';
import { fileCommands } from './file-commands.ts';
import type { ScriptPayload, ScriptRun } from './script-runner.ts';
import { argument, exportCommand } from './shell-values.ts';
import { print, quote, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { LEAD } from './supervisor.ts';
import { INLINE_LIMIT, PLACE } from './upload.ts';

export type Try = Omit<ScriptRun, 'name' | 'stopFirst' | 'outputs'>;

/** What has to be on the machine before a program runs there, because it is too much to travel in it. */
export interface Stage {
  /** Relative to the home; content-addressed. Files of a list come after all of the list before. */
  readonly uploads: readonly (readonly RemoteFile[])[];
}

/** What a run's directory holds besides its script. */
const TAKEN = new Set(['claim', 'log', 'followed', 'outputs']);
/** Bytes of a script's name that its copy for tries keeps; with the digest before it is a file's name still. */
const NAME_KEPT = 200;

/**
 * `staged`, `inscribe`, `prepare` and `launch` for one script. A supervised script is in the run's directory, others,
 * and attributes, are under `base`, named by their content, as if they were written once.
 */
export function scriptFunctions(
  run: Try,
  { supervised, outputs }: { readonly supervised: boolean; readonly outputs: boolean },
): { readonly stage: Stage; readonly functions: ShellText } {
  const { script } = run;
  const files = fileCommands(run);
  const words = interpreter(script);
  const name = baseName(script.main);
  const tree =
    script.entries.length !== 1 ||
    (script.entries[0]?.bytes.length ?? 0) > INLINE_LIMIT ||
    // The kernel runs no file that somebody has open for writing.
    (supervised ? TAKEN.has(name) : words.length === 0);
  const content = digest(script.entries);
  const home = `scripts/${content}`;
  const path = tree
    ? `"$HOME/$base/${home}/"${quote(utf8(script.main))}`
    : supervised
      ? `"$dir/"${quote(utf8(name))}`
      : `"$HOME/$base/${content}-"${quote(utf8(name).slice(-NAME_KEPT))}`;
  const attributes = Buffer.from(run.attributes);
  const attributesPath = `"$HOME/$base/${contentName(attributes)}.json"`;
  const inscribe = [
    ...(tree ? [] : script.entries.map((entry) => writeCommand(path, entry.bytes))),
    `${print(attributes)} 1<>${attributesPath}`,
  ];
  const variables = Object.entries(run.env).map(([name, value]) => exportCommand(name, value));
  const args = run.args.map((value, index) => argument(value, index));

  const functions = [
    ...(files.commands.length > 0 ? [PLACE] : []),
    stagedFunction([...files.needs, ...(tree ? [`${home}.ready`] : [])]),
    'inscribe() {',
    ...inscribe.map(orReturn),
    '}',
    'prepare() {',
    ...files.commands.map(orReturn),
    ':',
    '}',
    'launch() {',
    'begin',
    `set -- ${[...words, path, ...args].join(' ')}`,
    LEAD,
    `export PLAN_ATTRIBUTES=${attributesPath}`,
    ...(outputs ? ['export PLAN_OUTPUT="$dir/outputs"'] : []),
    RESTORE,
    ...variables,
    'trap - HUP INT TERM',
    'exec "$@"',
    '}',
  ].join('\n');

  const ready = { path: `${run.base}/${home}.ready`, mode: 0o600, bytes: Buffer.alloc(0) };
  const entries = script.entries.map((entry) => ({ ...entry, path: `${run.base}/${home}/${entry.path}` }));
  return { functions, stage: { uploads: tree ? [[...files.blobs, ...entries], [ready]] : [files.blobs] } };
}

/** What a program changed of the environment of a process of this computer; elsewhere there is nothing. */
const RESTORE = 'eval "${PLAN_RESTORE-}"';

function orReturn(command: ShellText): ShellText {
  return `${command} || return`;
}

/**
 * Never truncates: who writes the same bytes over a file that somebody reads changes nothing, and what another left
 * half written is whole before it is used.
 */
function writeCommand(path: ShellText, content: Buffer): ShellText {
  return `${print(content)} 1<>${path}${mayCallItself(content) ? ` && { [ -x ${path} ] || chmod 700 ${path}; }` : ''}`;
}

/** Whether a script may want to be executable: most need not be, and it costs a process. */
function mayCallItself(content: Buffer): boolean {
  const text = content.toString('latin1');
  return !/^#![^\n]*sh\b/.test(text) || /\$0|\$\{0|BASH_SOURCE/.test(text);
}

/** Tells whether all that was too much for the program is on the machine. */
export function stagedFunction(needs: readonly string[]): ShellText {
  const tests = needs.map((path) => `[ -e "$HOME/$base/${path}" ] || return`);
  return ['staged() {', ...tests, ':', '}'].join('\n');
}

/**
 * The words that the kernel, or who starts a text that begins without them, would put before the script's path, so
 * that a script runs on a file system that is mounted noexec and needs no permission bits.
 */
function interpreter(script: ScriptPayload): readonly ShellText[] {
  const main = script.entries.find((entry) => entry.path === script.main) ?? script.entries[0];
  const begin = main?.bytes.subarray(0, 4096).toString('latin1') ?? '';
  const line = begin.split('\n')[0] ?? '';
  const match = /^#![ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/.exec(line);
  if (match?.[1] === undefined) return begin.startsWith('#!') || begin.includes('\0') ? [] : ['/bin/sh'];
  return [match[1], match[2]]
    .filter((word) => word !== undefined && word !== '')
    .map((word) => quote(word ?? ''));
}

function digest(entries: ScriptPayload['entries']): string {
  const hash = createHash('sha256');
  for (const { path, mode, bytes } of entries)
    hash.update(`${path}\0${mode}\0${bytes.length}\0`).update(bytes);
  return hash.digest('hex').slice(0, 32);
}

function contentName(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
