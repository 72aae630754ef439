import { ConnectionError } from './connection.ts';
import { quote, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';

/** Linux takes no longer string as a variable (`NAME=value` and a NUL) or as an argument. */
const STRING_LIMIT = 128 * 1024;

/** Throws `ConnectionError` for what no shell or kernel can pass on. */
export function exportCommand(name: string, value: string): ShellText {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    throw new ConnectionError(
      'failed',
      `Cannot set the variable "${name}" for a script: its name is none that a shell takes`,
    );
  }
  checkString(`the variable "${name}"`, Buffer.byteLength(name) + 1 + Buffer.byteLength(value), value);
  return `export ${name}=${quote(utf8(value))}`;
}

/** A word that is passed to a script; throws as `exportCommand` does. */
export function argument(value: string, index: number): ShellText {
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
