import { ATTEMPT } from './attempt-text.ts';
import { fileCommands } from './file-commands.ts';
import { FULL, OWNER, SEEK, INHABIT } from './home-text.ts';
import { scriptFunctions, stagedFunction } from './script-functions.ts';
import type { Stage, Try } from './script-functions.ts';
import type { ScriptRun } from './script-runner.ts';
import { program, quote, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { STOP } from './stop-text.ts';
import { ATTACH, CLAIM, DIRECTORIES, LAUNCH, PROCESSES, REPORT, SPEECH, SUPERVISE } from './supervisor.ts';
import { PLACE } from './upload.ts';

export interface Program {
  readonly stdin: Buffer;
  /** Uploaded when the program answers `missing`. */
  readonly stage: Stage;
}

/** Claims the run and supervises its script, or waits for whoever did. */
export function runProgram(run: ScriptRun, nonce: string): Program {
  const first = run.stopFirst.map((name) => utf8(name)).join(' ');
  const variables = { nonce, base: run.base, name: run.name, first, outputs: run.outputs ? '1' : '' };
  const { stage, functions } = scriptFunctions(run, { supervised: true, outputs: run.outputs });
  const text = [
    assign(variables),
    SPEECH,
    PROCESSES,
    CLAIM,
    FULL,
    LAUNCH,
    ...(first === '' ? [] : [STOP]),
    SUPERVISE,
    REPORT,
    functions,
    ...directories(run),
    'run',
  ];
  return { stdin: program(text.join('\n')), stage };
}

/** Runs a script once, printing to the channel. */
export function attemptProgram(run: Try, nonce: string): Program {
  const { stage, functions } = scriptFunctions(run, { supervised: false, outputs: false });
  const text = [
    assign({ nonce, base: run.base, name: '' }),
    SPEECH,
    PROCESSES,
    FULL,
    LAUNCH,
    ATTEMPT,
    functions,
    ...directories(run),
    'attempt',
  ];
  return { stdin: program(text.join('\n')), stage };
}

/** Waits for a run without starting it. */
export function attachProgram(run: Pick<ScriptRun, 'base' | 'name' | 'outputs'>, nonce: string): Buffer {
  const variables = { nonce, base: run.base, name: run.name, outputs: run.outputs ? '1' : '' };
  return program(
    [assign(variables), SPEECH, PROCESSES, CLAIM, SEEK, FULL, REPORT, ATTACH, 'attach'].join('\n'),
  );
}

/** Ends the process groups of runs. */
export function stopProgram(base: string, names: readonly string[]): Buffer {
  const words = names.map((name) => quote(utf8(name))).join(' ');
  const text = [
    assign({ base, nonce: '' }),
    PROCESSES,
    CLAIM,
    STOP,
    SEEK,
    'umask 077',
    'seek',
    'runs=$HOME/$base',
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
    assign({ nonce, base: run.base, name: '' }),
    SPEECH,
    PLACE,
    stagedFunction(files.needs),
    ...directories({ asRoot: true }),
    '[ -d "$work" ] || mkdir -p -- "$work" || exit 1',
    'staged || {\nsay missing "$HOME"\nexit 0\n}',
    ...files.commands.map((command) => `${command} || exit 1`),
    'say end',
  ];
  return { stdin: program(text.join('\n')), stage: { uploads: [files.blobs] } };
}

function directories({ asRoot }: Pick<ScriptRun, 'asRoot'>): readonly ShellText[] {
  return [INHABIT, DIRECTORIES, 'directories', ...(asRoot ? [OWNER] : [])];
}

export function assign(variables: Readonly<Record<string, string>>): ShellText {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quote(utf8(value))}`);
  return ['unset IFS', 'owner=${1-}', ...lines].join('\n');
}
