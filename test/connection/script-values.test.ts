import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { openConnection } from '../../src/connection/open.ts';
import type { Connection } from '../../src/connection/connection.ts';
import { createScriptRunner } from '../../src/connection/shell-script-runner.ts';
import { sshdMissing, startSshd } from '../support/sshd.ts';
import type { Sshd } from '../support/sshd.ts';
import { collector, scriptRun } from './script-fixture.ts';

const never = new AbortController().signal;
const missing = sshdMissing();

const awkward = fc.constantFrom(
  ' ',
  '"',
  "'",
  '$',
  '`',
  '\\',
  '\n',
  '\r',
  '\t',
  '!',
  '%',
  '$(id)',
  "'\\''",
  'é',
  '漢',
  '🚀',
  '\u0081',
  'EOF\n',
  '}\nmain\n',
  '=',
  '*',
  '~',
);
const text = fc.oneof(
  fc.string({ unit: fc.oneof(awkward, fc.string({ unit: 'binary', maxLength: 4 })), maxLength: 40 }),
  fc
    .tuple(fc.string({ unit: awkward, minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 100_000 }))
    .map(([part, length]) => part.repeat(length).slice(0, Math.floor(length / 3))),
);
const value = text.map((raw) => raw.replaceAll('\0', '').replace(/[\ud800-\udfff]/gu, ''));
const content = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  value.map((raw) => Buffer.from(raw)),
  fc.uint8Array({ minLength: 90_000, maxLength: 100_000 }).map((bytes) => Buffer.from(bytes)),
);

/** Prints all that it was given, each piece with its length. */
const TELL = `#!/usr/bin/perl
binmode STDOUT;
sub piece { print length($_[0]), ":", $_[0], ","; }
piece($ENV{"V$_"}) for 0 .. $ENV{COUNT} - 1;
piece($_) for @ARGV;
for my $i (0 .. $ENV{FILES} - 1) { open my $f, "<:raw", "values/f$i" or die; local $/; my $c = <$f>; piece(defined $c ? $c : ""); }
`;

describe.skipIf(missing !== undefined)(`values over OpenSSH${missing ? `: ${missing}` : ''}`, () => {
  let sshd: Sshd;
  let connection: Connection;
  beforeAll(async () => {
    sshd = await startSshd();
    connection = await openConnection(sshd.access, { signal: never, onHostKey: () => undefined });
  });
  afterAll(async () => {
    await connection[Symbol.asyncDispose]();
    await sshd[Symbol.asyncDispose]();
  });

  it.each([['dash'], ['bash --posix'], ['busybox sh']])(
    'arrive in scripts byte for byte through env, args and files, under %s',
    async (shell) => {
      const runner = createScriptRunner({ shell: shell.split(' ') });
      const property = fc.asyncProperty(
        fc.array(value, { maxLength: 4 }),
        fc.array(value, { maxLength: 4 }),
        fc.array(content, { maxLength: 3 }),
        fc.boolean(),
        async (env, args, contents, supervised) => {
          const run = scriptRun(TELL, {
            args,
            env: {
              ...Object.fromEntries(env.map((one, i) => [`V${i}`, one])),
              COUNT: String(env.length),
              FILES: String(contents.length),
            },
            files: contents.map((bytes, i) => ({ path: `values/f${i}`, mode: 0o600, bytes })),
          });
          const output = collector();
          const options = { signal: never, onOutput: output.onOutput };
          const end = supervised
            ? await runner.run(connection, run, options)
            : await runner.attempt(connection, run, options);
          const pieces = [...env, ...args].map((one) => Buffer.from(one)).concat(contents);
          const expected = Buffer.concat(
            pieces.flatMap((bytes) => [Buffer.from(`${bytes.length}:`), bytes, Buffer.from(',')]),
          );
          expect(end).toMatchObject({ exitCode: 0 });
          expect(output.bytes().equals(expected)).toBe(true);
        },
      );
      await fc.assert(property, { numRuns: 40, endOnFailure: true });
    },
  );

  it('of 100 KB arrive, all kinds at once', async () => {
    const big = 'it\'s $HOME `x` \\ "q"\n漢\r\n'.repeat(4_000).slice(0, 100_000);
    expect(Buffer.byteLength(big)).toBeGreaterThan(100_000);
    const output = collector();
    const run = scriptRun(TELL, {
      args: [big],
      env: { V0: big, COUNT: '1', FILES: '1' },
      files: [{ path: 'values/f0', mode: 0o600, bytes: Buffer.from(big) }],
    });
    await createScriptRunner().run(connection, run, { signal: never, onOutput: output.onOutput });
    const piece = `${Buffer.byteLength(big)}:${big},`;
    expect(output.text()).toBe(piece.repeat(3));
  });
});
