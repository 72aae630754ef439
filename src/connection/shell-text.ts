/**
 * Shell programs carry arbitrary bytes (scripts, files), so their text is a string of bytes: each character is one
 * byte, as `latin1` has it. Text of people goes through `utf8()` first.
 */
export type ShellText = string;

export function utf8(text: string): ShellText {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function bytes(content: Buffer): ShellText {
  return content.toString('latin1');
}

/** One shell word that stands for exactly these bytes, which hold no NUL. */
export function quote(text: ShellText): ShellText {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command of builtins that prints exactly these bytes, NUL included. */
export function print(content: Buffer): ShellText {
  const text = bytes(content);
  if (!text.includes('\0')) return `printf %s ${quote(text)}`;
  const format = text
    .replaceAll('\\', '\\\\')
    .replaceAll('%', '%%')
    .replaceAll('\0', '\\000')
    .replace(/^-/, '\\055');
  return `printf ${quote(format)}`;
}

export function encode(program: ShellText): Buffer {
  return Buffer.from(program, 'latin1');
}

/**
 * Where the directory that a program's own files are relative to is not the home (`PLAN_HOME` says so, see
 * `process-environment.ts`), it stands for the home until the script starts; `home` is the user's.
 */
const HOME: ShellText = `home=\${HOME-}
[ -z "\${PLAN_HOME-}" ] || HOME=$PLAN_HOME`;

/**
 * A program for the standard input of `sh` that runs only when all of it arrived. bash reads its standard input
 * byte by byte, so it is given everything at once.
 */
export function program(body: ShellText): Buffer {
  return encode(`[ -z "\${BASH_VERSION-}" ] || eval "$(cat)"\nmain() {\n${HOME}\n${body}\n}\nmain "$@"\n`);
}
