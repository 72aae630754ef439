import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprint, parseHostKey } from '../../src/connection/host-key.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';
import { plan, workspace } from './command.ts';

const LOCAL = 'version: 1\nname: local\nlevels: [{ name: only, services: { web: {} } }]\n';

/** What shells, splitters and option parsers trip over; a NUL is in no argument. */
const pieces = fc.constantFrom(
  ' ',
  '  ',
  "'",
  '"',
  '$',
  '$HOME',
  '${x}',
  '`id`',
  '\\',
  '\n',
  '\t',
  '*',
  '~',
  '-',
  '--',
  '-n',
  '#',
  '!',
  '&',
  ';',
  '|',
  '<',
  '>',
  '(',
  ')',
  '%s',
  '=',
  'é',
  '日本',
  '👩‍🚀',
  '\u{202e}',
  '\u{feff}',
  '\r',
  '\x07',
  'a',
  '',
);
const words = fc.array(
  fc.oneof(
    fc.array(pieces, { maxLength: 6 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.replaceAll('\0', '')),
  ),
  { minLength: 1, maxLength: 6 },
);

/** Each word and a NUL. */
function listed(all: readonly string[]): string {
  return all.map((word) => `${word}\0`).join('');
}

describe.each(['local machines', 'a real sshd'] as const)('words on %s', (where) => {
  let space: Awaited<ReturnType<typeof workspace>>;
  let sshd: Sshd | undefined;
  const missing = where === 'a real sshd' ? sshdMissing() : undefined;

  beforeAll(async () => {
    if (missing !== undefined) return;
    sshd = where === 'a real sshd' ? await startSshd() : undefined;
    space = await workspace({
      'plan.yml': sshd === undefined ? LOCAL : remotePlan(sshd),
      'list.sh': 'printf "%s\\0" "$@"\n',
      'list.pl': '#!/usr/bin/perl\nprint map { "$_\\0" } @ARGV;\n',
    });
    const { code, stderr } = await plan(['up', 'plan.yml', '-q'], { cwd: space.path });
    if (code !== 0) throw new Error(stderr);
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    await plan(['down', '--yes', '-q'], { cwd: space.path });
    await space[Symbol.asyncDispose]();
    await sshd?.[Symbol.asyncDispose]();
  });

  async function printed(argv: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await plan(['exec', 'web-0', ...argv], { cwd: space.path });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  it.skipIf(missing !== undefined)('reach commands byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(words, async (all) => {
        expect(await printed(['--', 'printf', '%s\\0', ...all])).toBe(listed(all));
      }),
      { numRuns: 40, endOnFailure: true },
    );
  });

  it.skipIf(missing !== undefined)('reach scripts byte for byte', async () => {
    await fc.assert(
      fc.asyncProperty(words, fc.constantFrom('list.sh', 'list.pl'), async (all, script) => {
        expect(await printed(['--script', script, '--', ...all])).toBe(listed(all));
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });

  it.skipIf(missing !== undefined)('name programs and scripts byte for byte', async () => {
    const name = `it's "a" $HOME 日本.sh`;
    await writeFile(join(space.path, name), 'printf "%s\\0" "$0" "$@"\n');
    const [path = '', ...rest] = (await printed(['--script', name, '--', 'x'])).split('\0');
    expect(path.endsWith(`/${name}`)).toBe(true);
    expect(rest).toEqual(['x', '']);
  });
});

function remotePlan({ access: { host, port, user, privateKey, hostKey } }: Sshd): string {
  const key = fingerprint(parseHostKey(hostKey ?? ''));
  return JSON.stringify({
    version: 1,
    name: 'remote',
    providers: { pool: { type: 'hosts', hosts: [host] } },
    defaults: { provider: 'pool', ssh: { user, port, privateKey, hostKey: key } },
    levels: [{ name: 'only', services: { web: {} } }],
  });
}
