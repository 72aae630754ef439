import { createHash } from 'node:crypto';
import { ConnectionError } from './connection.ts';
import type { RemoteFile } from './connection.ts';
import type { ScriptPayload, ScriptRun } from './script-runner.ts';
import { program, print, quote, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { ATTACH, ATTEMPT, LAUNCH, LEAD, PROCESSES, REPORT, STOP, SUPERVISE } from './supervisor.ts';
import { INLINE_LIMIT, PLACE, placeCommand } from './upload.ts';

/** Linux takes no longer string as a variable (`NAME=value` and a NUL) or as an argument. */
const STRING_LIMIT = 128 * 1024;
const INLINE_TOTAL = 1024 * 1024;

/** What has to be on the machine before a program runs there, because it is too much to travel in it. */
export interface Stage {
  /** Relative to the home; content-addressed. Files of a list come after all of the list before. */
  readonly uploads: readonly (readonly RemoteFile[])[];
}

export interface Program {
  readonly stdin: Buffer;
  /** Uploaded when the program answers `missing`. */
  readonly stage: Stage;
}

type Try = Omit<ScriptRun, 'name' | 'stopFirst' | 'outputs'>;

/** Claims the run and supervises its script, or waits for whoever did. */
export function runProgram(run: ScriptRun, nonce: string): Program {
  const first = run.stopFirst.map((name) => utf8(name)).join(' ');
  const variables = { nonce, base: run.base, name: run.name, first, outputs: run.outputs ? '1' : '' };
  const { stage, functions } = scriptFunctions(run, run.outputs);
  const text = [
    assign(variables),
    PROCESSES,
    LAUNCH,
    STOP,
    SUPERVISE,
    REPORT,
    functions,
    'directories',
    'run',
  ];
  return { stdin: program(text.join('\n')), stage };
}

/** Runs a script once, printing to the channel. */
export function attemptProgram(run: Try, nonce: string): Program {
  const name = digest(run.script.entries, run.attributes);
  const { stage, functions } = scriptFunctions(run, false);
  const text = [
    assign({ nonce, base: run.base, name }),
    PROCESSES,
    LAUNCH,
    ATTEMPT,
    functions,
    'directories',
    'attempt',
  ];
  return { stdin: program(text.join('\n')), stage };
}

/** Waits for a run without starting it. */
export function attachProgram(run: Pick<ScriptRun, 'base' | 'name' | 'outputs'>, nonce: string): Buffer {
  const variables = { nonce, base: run.base, name: run.name, outputs: run.outputs ? '1' : '' };
  return program([assign(variables), PROCESSES, REPORT, ATTACH, 'attach'].join('\n'));
}

/** Ends the process groups of runs. */
export function stopProgram(base: string, names: readonly string[]): Buffer {
  const words = names.map((name) => quote(utf8(name))).join(' ');
  const text = [
    assign({ base, nonce: '' }),
    PROCESSES,
    LAUNCH,
    STOP,
    'umask 077',
    'runs=$HOME/$base/runs',
    `stop ${words}`,
  ];
  return program(text.join('\n'));
}

/** Ends the process group of a try: pid, start time and boot id as it told them. */
export function finishProgram(group: readonly string[]): Buffer {
  return program([assign({ nonce: '' }), PROCESSES, STOP, `finish ${quote(group.join('/'))}`].join('\n'));
}

/** Puts files in place. */
export function putProgram(run: Pick<ScriptRun, 'base' | 'files'>, nonce: string): Program {
  const files = fileCommands(run);
  const text = [
    assign({ nonce, base: run.base }),
    PROCESSES,
    LAUNCH,
    PLACE,
    stagedFunction(files.needs),
    'directories',
    '[ -d "$work" ] || mkdir -p -- "$work" || exit 1',
    'staged || {\nsay missing\nexit 0\n}',
    ...files.commands.map((command) => `${command} || exit 1`),
    'say end',
  ];
  return { stdin: program(text.join('\n')), stage: { uploads: [files.blobs] } };
}

/** `staged`, `inscribe`, `prepare` and `launch` for one script. */
function scriptFunctions(
  run: Try,
  outputs: boolean,
): { readonly stage: Stage; readonly functions: ShellText } {
  const { script } = run;
  const files = fileCommands(run);
  const tree = script.entries.length !== 1 || (script.entries[0]?.bytes.length ?? 0) > INLINE_LIMIT;
  const home = `scripts/${digest(script.entries, '')}`;
  const place: ShellText = tree ? `"$HOME/$base/${home}/"` : '"$dir/script/"';
  const path = `${place}${quote(utf8(tree ? script.main : baseName(script.main)))}`;
  const inscribe = [
    ...(tree ? [] : script.entries.map((entry) => writeCommand(path, entry.bytes))),
    `${print(Buffer.from(run.attributes))} >"$dir/attributes.json"`,
  ];
  const variables = Object.entries(run.env).map(([name, value]) => exportCommand(name, value));
  const args = run.args.map((value, index) => argument(value, index));

  const functions = [
    PLACE,
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
    `set -- ${[...interpreter(script), path, ...args].join(' ')}`,
    LEAD,
    'export PLAN_ATTRIBUTES="$dir/attributes.json"',
    ...(outputs ? ['export PLAN_OUTPUT="$dir/outputs"'] : []),
    ...variables,
    'trap - HUP INT TERM',
    'exec "$@"',
    '}',
  ].join('\n');

  const ready = { path: `${run.base}/${home}.ready`, mode: 0o600, bytes: Buffer.alloc(0) };
  const entries = script.entries.map((entry) => ({ ...entry, path: `${run.base}/${home}/${entry.path}` }));
  return { functions, stage: { uploads: tree ? [[...files.blobs, ...entries], [ready]] : [files.blobs] } };
}

function orReturn(command: ShellText): ShellText {
  return `${command} || return`;
}

function writeCommand(path: ShellText, content: Buffer): ShellText {
  return `${print(content)} >${path}${mayCallItself(content) ? ` && chmod 700 ${path}` : ''}`;
}

/** Whether a script may want to be executable: most need not be, and it costs a process. */
function mayCallItself(content: Buffer): boolean {
  const text = content.toString('latin1');
  return !/^#![^\n]*sh\b/.test(text) || /\$0|\$\{0|BASH_SOURCE/.test(text);
}

/** Commands that put the run's files in place, and what they need to be staged. */
function fileCommands(run: Pick<ScriptRun, 'base' | 'files'>): {
  readonly commands: readonly ShellText[];
  readonly needs: readonly string[];
  readonly blobs: readonly RemoteFile[];
} {
  const commands: ShellText[] = [];
  const blobs = new Map<string, RemoteFile>();
  let inline = 0;
  for (const file of run.files) {
    const target = targetWord(file.path);
    if (file.bytes.length <= INLINE_LIMIT && inline + file.bytes.length <= INLINE_TOTAL) {
      inline += file.bytes.length;
      commands.push(placeCommand(target, file));
    } else {
      const blob = `blobs/${createHash('sha256').update(file.bytes).digest('hex')}`;
      blobs.set(blob, { path: `${run.base}/${blob}`, mode: 0o600, bytes: file.bytes });
      commands.push(`place ${target} ${(file.mode & 0o7777).toString(8)} cat "$HOME/$base/${blob}"`);
    }
  }
  const needs = [...blobs.keys()];
  if (needs.length > 0) commands.push(`rm -f -- ${needs.map((blob) => `"$HOME/$base/${blob}"`).join(' ')}`);
  return { commands, needs, blobs: [...blobs.values()] };
}

function targetWord(path: string): ShellText {
  if (path.startsWith('/')) return quote(utf8(path));
  if (path.startsWith('~/')) return `"$home/"${quote(utf8(path.slice(2)))}`;
  return `"$work/"${quote(utf8(path))}`;
}

function stagedFunction(needs: readonly string[]): ShellText {
  const tests = needs.map((path) => `[ -e "$HOME/$base/${path}" ] || return`);
  return ['staged() {', ...tests, ':', '}'].join('\n');
}

/**
 * The words that the kernel would put before the script's path, so that a script runs on a file system that is
 * mounted noexec and needs no permission bits.
 */
function interpreter(script: ScriptPayload): readonly ShellText[] {
  const main = script.entries.find((entry) => entry.path === script.main) ?? script.entries[0];
  const line = (main?.bytes.subarray(0, 4096).toString('latin1') ?? '').split('\n')[0] ?? '';
  const match = /^#![ \t]*([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/.exec(line);
  if (match?.[1] === undefined) return [];
  return [match[1], match[2]]
    .filter((word) => word !== undefined && word !== '')
    .map((word) => quote(word ?? ''));
}

function exportCommand(name: string, value: string): ShellText {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new ConnectionError(
      'failed',
      `Cannot set the variable "${name}" for a script: its name is none that a shell takes`,
    );
  }
  checkString(`the variable "${name}"`, Buffer.byteLength(name) + 1 + Buffer.byteLength(value), value);
  return `export ${name}=${quote(utf8(value))}`;
}

function argument(value: string, index: number): ShellText {
  checkString(`argument ${index + 1}`, Buffer.byteLength(value), value);
  return quote(utf8(value));
}

function checkString(what: string, size: number, value: string): void {
  if (value.includes('\0'))
    throw new ConnectionError('failed', `Cannot pass ${what} to a script: it holds a NUL character`);
  if (size < STRING_LIMIT) return;
  const message = `Cannot pass ${what} to a script: it is ${size} bytes long, more than the ${STRING_LIMIT - 1} that Linux takes`;
  throw new ConnectionError('failed', `${message}\nGive it to the script as a file of the service instead.`);
}

function assign(variables: Readonly<Record<string, string>>): ShellText {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quote(utf8(value))}`);
  return ['owner=${1-}', ...lines].join('\n');
}

function digest(entries: ScriptPayload['entries'], attributes: string): string {
  const hash = createHash('sha256');
  for (const { path, mode, bytes } of entries)
    hash.update(`${path}\0${mode}\0${bytes.length}\0`).update(bytes);
  return hash.update(attributes).digest('hex').slice(0, 32);
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
