import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';

import Config from 'ssh-config';

/** What `~/.ssh/config` says of hosts: values of a keyword in lower case, as they are written. */
export type SshConfig = (host: string) => (keyword: string) => readonly string[];

const DEEPEST = 16;

/** Reads `~/.ssh/config`; says nothing of any host where there is none. `Match exec` never matches. */
export function readSshConfig(home: string): SshConfig {
  const directory = join(home, '.ssh');
  const config = Config.parse(
    withIncludes(join(directory, 'config'), { home, directory, depth: 0, isInside: false }),
  );
  const known = new Map<string, Readonly<Record<string, string | readonly string[]>>>();
  return (host) => {
    const computed = known.get(host) ?? config.compute(host, { ignoreCase: true, matchExec: false });
    known.set(host, computed);
    return (keyword) => {
      const value = computed[keyword];
      return value === undefined ? [] : typeof value === 'string' ? [value] : value;
    };
  };
}

interface Including {
  readonly home: string;
  readonly directory: string;
  readonly depth: number;
  /** True within a `Host` or `Match`: what the file says under a `Host` of its own is left out. */
  readonly isInside: boolean;
}

/** The text of a file with the files that it includes in the place of `Include`; empty when it cannot be read. */
function withIncludes(path: string, { isInside, ...including }: Including): string {
  const lines: string[] = [];
  let isSection = isInside;
  for (const line of readText(path).split(/\r?\n/)) {
    if (/^\s*(?:Host|Match)[\s=]/i.test(line)) {
      if (isInside) break;
      isSection = true;
    }
    const patterns = /^\s*Include[\s=]+(.*)$/i.exec(line)?.[1];
    if (patterns === undefined) lines.push(line);
    else if (including.depth < DEEPEST)
      for (const file of included(patterns, including))
        lines.push(withIncludes(file, { ...including, depth: including.depth + 1, isInside: isSection }));
    // Whatever the included file ended in ends with it.
    if (patterns !== undefined && !isSection) lines.push('Host *');
  }
  return lines.join('\n');
}

function included(patterns: string, { home, directory }: Omit<Including, 'isInside'>): readonly string[] {
  return (patterns.match(/"[^"]*"|[^\s"]+/g) ?? [])
    .map((word) => word.replaceAll('"', '').replace(/^~(?=\/)/, home))
    .flatMap((word) => filesLike(isAbsolute(word) ? word : join(directory, word)));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}

/** The files of a directory whose names match, with `*` and `?` in the last part of the path. */
function filesLike(path: string): readonly string[] {
  const name = basename(path);
  if (!/[*?]/.test(name)) return [path];
  const escaped = name.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  const pattern = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
  try {
    const names = readdirSync(dirname(path)).filter((each) => pattern.test(each) && !each.startsWith('.'));
    return names.sort().map((each) => join(dirname(path), each));
  } catch (error) {
    if (error instanceof Error && 'code' in error) return [];
    throw error;
  }
}
