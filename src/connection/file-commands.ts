import { createHash } from 'node:crypto';
import type { RemoteFile } from './connection.ts';
import type { ScriptRun } from './script-runner.ts';
import { quote, utf8 } from './shell-text.ts';
import type { ShellText } from './shell-text.ts';
import { INLINE_LIMIT, octal, placeCommand } from './upload.ts';

const INLINE_TOTAL = 1024 * 1024;

/** Commands that put the run's files in place, and what they need to be staged. */
export function fileCommands(run: Pick<ScriptRun, 'base' | 'files'>): {
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
      commands.push(`place ${target} ${octal(file.mode)} cat "$HOME/$base/${blob}"`);
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
