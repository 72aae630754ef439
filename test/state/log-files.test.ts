import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StateError } from '../../src/errors.ts';
import { createMask } from '../../src/mask.ts';
import { createLogs, listLogs, logPath } from '../../src/state/log-files.ts';

const deployment = { name: 'web-stack', uuid: '01234567-89ab-cdef-0123-456789abcdef' };
const path = logPath(deployment, 'web-0', 1, 'bootstrap', 2);
const none = createMask([]);
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'plan-logs-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function content(): string {
  return readFileSync(join(directory, path), 'utf8');
}

describe('logPath()', () => {
  it('names deployment, machine, generation, step and attempt', () => {
    expect(path).toBe('logs/web-stack-01234567/web-0/1-bootstrap-2.log');
  });
});

describe('LogFile', () => {
  it('writes what it is given, masked, for its owner only', async () => {
    const log = createLogs(directory).open(path, createMask(['hunter22']));
    log.write(Buffer.from('one hun'));
    log.write(Buffer.from('ter22\ntwo\n'));
    expect(await log.end()).toEqual(['one ***', 'two']);
    expect(content()).toBe('one ***\ntwo\n');
    expect(statSync(join(directory, path)).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(join(directory, path))).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'logs')).mode & 0o777).toBe(0o700);
  });

  it('shows what was written before it ends', async () => {
    const log = createLogs(directory).open(path, none);
    log.write(Buffer.from('one\n'));
    await vi.waitFor(() => expect(content()).toBe('one\n'));
    log.write(Buffer.from('two\n'));
    await vi.waitFor(() => expect(content()).toBe('one\ntwo\n'));
    await log.end();
  });

  it('does not wait with a lot', async () => {
    const log = createLogs(directory).open(path, none);
    log.write(Buffer.alloc(100_000, 'x'));
    expect(content()).toHaveLength(100_000);
    await log.end();
  });

  it('makes no file for a script that prints nothing', async () => {
    const log = createLogs(directory).open(path, createMask(['hunter22']));
    log.write(Buffer.alloc(0));
    expect(await log.end()).toEqual([]);
    expect(await log.scrub(none)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('skips what the file has when the stream is given again', async () => {
    const logs = createLogs(directory);
    const first = logs.open(path, createMask(['hunter22']));
    first.write(Buffer.from('one\nhunter22 two\nhun'));
    await first.end();
    const again = logs.open(path, createMask(['hunter22']));
    again.write(Buffer.from('one\nhunt'));
    await vi.waitFor(() => expect(content()).toBe('one\n*** two\nhun'));
    again.write(Buffer.from('er22 two\nhunter22'));
    again.write(Buffer.from(' three\n'));
    expect(await again.end()).toEqual(['one', '*** two', '*** three']);
    expect(content()).toBe('one\n*** two\n*** three\n');
  });

  it('starts anew where the file is not what the stream says', async () => {
    const logs = createLogs(directory);
    const first = logs.open(path, none);
    first.write(Buffer.from('token=abcdefgh\nmore\n'));
    await first.end();
    await first.scrub(createMask(['abcdefgh']));
    expect(content()).toBe('token=***\nmore\n');
    const again = logs.open(path, none);
    again.write(Buffer.from('token=abcdefgh\nmore\n'));
    await again.end();
    expect(content()).toBe('token=abcdefgh\nmore\n');
  });

  it('answers the last 20 lines, cut to 500 characters', async () => {
    const log = createLogs(directory).open(path, none);
    for (let line = 0; line < 30; line += 1)
      log.write(Buffer.from(`${line} ${'x'.repeat(line === 29 ? 600 : 1)}\r\n`));
    const tail = await log.end();
    expect(tail).toHaveLength(20);
    expect(tail[0]).toBe('10 x');
    expect(tail[19]).toBe(`29 ${'x'.repeat(496)}…`);
  });

  it('answers lines that a terminal can show', async () => {
    const log = createLogs(directory).open(path, none);
    log.write(Buffer.from('\u001b[31mred\u001b[0m\tand\u0007\n\n\nlast'));
    expect(await log.end()).toEqual(['red\tand', '', '', 'last']);
  });

  it('reads only the end of a long log', async () => {
    const log = createLogs(directory).open(path, none);
    for (let count = 0; count < 100; count += 1) log.write(Buffer.alloc(10_000, `${count} line\n`));
    const tail = await log.end();
    expect(tail).toHaveLength(20);
    expect(tail.at(-2)).toBe('99 line');
  });

  it('is scrubbed of values that became known at its end', async () => {
    const log = createLogs(directory).open(path, none);
    log.write(Buffer.from(`token=abcdefgh\n${'x'.repeat(70_000)}\nabcdefgh\n`));
    await log.end();
    expect((await log.scrub(createMask(['abcdefgh']))).at(-1)).toBe('***');
    expect(content()).toBe(`token=***\n${'x'.repeat(70_000)}\n***\n`);
    expect(statSync(join(directory, path)).mode & 0o777).toBe(0o600);
    expect(await readdir(dirname(join(directory, path)))).toEqual(['1-bootstrap-2.log']);
  });

  it('tells of a file that cannot be written at its end', async () => {
    mkdirSync(join(directory, path), { recursive: true });
    const log = createLogs(directory).open(path, none);
    log.write(Buffer.alloc(100_000, 'x'));
    log.write(Buffer.from('more'));
    await expect(log.end()).rejects.toThrow(StateError);
    await expect(log.end()).rejects.toThrow(`Cannot write the log "${join(directory, path)}": `);
    await expect(log.scrub(none)).rejects.toThrow(StateError);
  });

  it('costs little when a thousand are open', async () => {
    const logs = createLogs(directory);
    const plain = cpuTime();
    for (let index = 0; index < 1_000; index += 1) {
      mkdirSync(join(directory, 'plain', String(index)), { recursive: true });
      writeFileSync(join(directory, 'plain', String(index), 'log'), 'one\ntwo\n');
    }
    const logging = cpuTime();
    const open = Array.from({ length: 1_000 }, (_, index) =>
      logs.open(logPath(deployment, `web-${index}`, 1, 'verify', 1), none),
    );
    for (const log of open) log.write(Buffer.from('one\n'));
    for (const log of open) log.write(Buffer.from('two\n'));
    const tails = await Promise.all(open.map((log) => log.end()));
    const end = cpuTime();
    expect(tails.every((tail) => tail.join() === 'one,two')).toBe(true);
    expect((end - logging) / (logging - plain)).toBeLessThan(5);
  });
});

/** CPU time of this process, in microseconds. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

describe('listLogs()', () => {
  it('lists the logs of a machine in the order of its life', () => {
    const names = ['2-bootstrap-1', '1-verify-10', '1-verify-9', '1-teardown-1', '1-bootstrap-1'];
    for (const name of [...names.map((name) => `${name}.log`), '1-verify-9.log.scrub', '1-other-1.log']) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(dirname(join(directory, path)), name), '');
    }
    const listed = listLogs(directory, deployment, 'web-0');
    expect(listed.map(({ generation, step, attempt }) => `${generation}-${step}-${attempt}`)).toEqual([
      '1-bootstrap-1',
      '1-verify-9',
      '1-verify-10',
      '1-teardown-1',
      '2-bootstrap-1',
    ]);
    expect(listed[0]?.path).toBe('logs/web-stack-01234567/web-0/1-bootstrap-1.log');
  });

  it('answers nothing for a machine that never ran a script', () => {
    expect(listLogs(directory, deployment, 'web-7')).toEqual([]);
  });

  it('tells of a directory that cannot be read', () => {
    mkdirSync(dirname(dirname(join(directory, path))), { recursive: true });
    writeFileSync(dirname(join(directory, path)), '');
    expect(() => listLogs(directory, deployment, 'web-0')).toThrow(StateError);
  });
});
