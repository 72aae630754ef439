import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../until.ts';
import type { BootRequest } from './backend.ts';
import { cloudInit } from './cloud-init.ts';
import { makeDisk, makeImage, setAddress } from './machine-disk.ts';
import type { SshdMachines } from './machines.ts';
import { createSshdMachines, machinesMissing } from './machines.ts';

const ONE = '127.77.0.1';
const TWO = '127.77.0.2';

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(machinesMissing() !== undefined)('machines', () => {
  let directory: string;
  let key: string;
  let port: number;
  let machines: SshdMachines;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'plan-machines-'));
    key = makeKey('user', 'ed25519');
    const server = createServer().listen(0);
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
    server.close();
    await once(server, 'close');
  });

  beforeEach(async () => {
    machines = await createSshdMachines({ port });
  });

  afterEach(() => machines[Symbol.asyncDispose]());

  afterAll(() => rm(directory, { recursive: true, force: true }));

  function makeKey(name: string, type: string): string {
    const path = join(directory, name);
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', path]);
    return path;
  }

  function publicKey(path: string): string {
    return readFileSync(`${path}.pub`, 'utf8').trim();
  }

  function request(over: Partial<BootRequest> = {}): BootRequest {
    const authorizedKeys = [publicKey(key)];
    return { id: 'i-1', address: ONE, authorizedKeys, userData: null, user: 'root', ...over };
  }

  function ssh(target: string, command: string, options: readonly string[] = []): Promise<Said> {
    const args = [
      '-i',
      key,
      '-p',
      String(port),
      '-F',
      'none',
      '-o',
      'IdentitiesOnly=yes',
      '-o',
      'BatchMode=yes',
    ];
    const trust = [
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'LogLevel=ERROR',
    ];
    return new Promise((resolve) => {
      const child = execFile(
        'ssh',
        [...options, ...args, ...trust, target, command],
        (error, stdout, stderr) => {
          const code = error === null ? 0 : Number(error.code);
          resolve({ code, stdout: stdout.trimEnd(), stderr: stderr.trimEnd() });
        },
      );
      child.stdin?.end();
    });
  }

  async function out(target: string, command: string): Promise<string> {
    const said = await ssh(target, command);
    expect(said).toEqual({ ...said, code: 0, stderr: '' });
    return said.stdout;
  }

  it('are reached over real ssh, each with files, processes, host name and boot id of its own', async () => {
    await Promise.all([machines.boot(request()), machines.boot(request({ id: 'i-2', address: TWO }))]);
    expect(
      await out(`root@${ONE}`, 'hostname; pwd; echo one >/root/mine; echo one >/tmp/mine; echo $$'),
    ).toMatch(/^i-1\n\/root\n\d\d$/);
    expect(await out(`root@${TWO}`, 'hostname; ls /root /tmp /home')).toBe('i-2\n/home:\n\n/root:\n\n/tmp:');
    const bootId = 'cat /proc/sys/kernel/random/boot_id';
    expect(await out(`root@${ONE}`, bootId)).not.toBe(await out(`root@${TWO}`, bootId));
    expect(machines.isOn('i-1')).toBe(true);
    await machines.boot(request());
    expect(await readFile(machines.file('i-1', '/root/mine'), 'utf8')).toBe('one\n');
  });

  it('cannot write what is not theirs', async () => {
    await machines.boot(request());
    for (const path of ['/usr/theirs', '/theirs', '/etc/profile']) {
      const { code, stderr } = await ssh(`root@${ONE}`, `echo >>${path}`);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining('Read-only file system')]);
    }
    expect(existsSync('/theirs')).toBe(false);
  });

  it('keep their disk when stopped and rebooted, and lose every process', async () => {
    const daemon = `9${Date.now()}`;
    await machines.boot(request());
    await out(
      `root@${ONE}`,
      `echo kept >kept; echo lost >/tmp/lost; setsid -f sleep ${daemon} >/dev/null 2>&1`,
    );
    const keys = await machines.hostKeys('i-1');
    expect(await pidsOf(daemon)).toHaveLength(1);
    const bootId = await out(`root@${ONE}`, 'cat /proc/sys/kernel/random/boot_id');
    await machines.reboot('i-1');
    expect(await pidsOf(daemon)).toEqual([]);
    expect(await out(`root@${ONE}`, 'cat kept; ls /tmp')).toBe('kept');
    expect(await out(`root@${ONE}`, 'cat /proc/sys/kernel/random/boot_id')).not.toBe(bootId);
    await machines.stop('i-1');
    expect(machines.isOn('i-1')).toBe(false);
    expect((await ssh(`root@${ONE}`, ':')).stderr).toContain('Connection refused');
    await machines.boot(request({ address: TWO }));
    expect(await out(`root@${TWO}`, 'cat kept')).toBe('kept');
    expect(await machines.hostKeys('i-1')).toEqual(keys);
  });

  it('take the host keys of their user data and no others, until they make their own', async () => {
    const host = makeKey('host', 'ecdsa');
    const config = {
      ssh_keys: { ecdsa_private: await readFile(host, 'utf8'), ecdsa_public: publicKey(host) },
    };
    const userData = Buffer.from(`#cloud-config\n${JSON.stringify(config)}`);
    await machines.boot(request({ userData }));
    await machines.boot(request({ id: 'i-2', address: TWO, userData }));
    expect(await machines.hostKeys('i-1')).toEqual({ ecdsa: publicKey(host) });
    const before = (await machines.log('i-1')).length;
    await out(`root@${ONE}`, 'ssh-keygen -A >/dev/null 2>&1; service ssh reload >/dev/null');
    await until(async () => (await machines.log('i-1')).slice(before).includes('Server listening'));
    const { ed25519 = '', ecdsa } = await machines.hostKeys('i-1');
    expect(ecdsa).toBe(publicKey(host));
    const known = join(directory, 'known');
    await writeFile(known, `[${ONE}]:${port} ${ed25519}\n[${TWO}]:${port} ${ed25519}\n`);
    const pinned = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${known}`].flatMap((text) => [
      '-o',
      text,
    ]);
    expect((await ssh(`root@${ONE}`, ':', pinned)).code).toBe(0);
    expect((await ssh(`root@${TWO}`, ':', pinned)).code).toBe(255);
    expect(Object.keys(await machines.hostKeys('i-2'))).toEqual(['ecdsa']);
  });

  it('derive the public host key that their user data lacks', async () => {
    const host = makeKey('derived', 'ed25519');
    const config = { ssh_keys: { ed25519_private: await readFile(host, 'utf8') } };
    await machines.boot(request({ userData: Buffer.from(`#cloud-config\n${JSON.stringify(config)}`) }));
    expect(await machines.hostKeys('i-1')).toEqual({ ed25519: publicKey(host) });
  });

  it('do what their user data says once, and keep it', async () => {
    const text = [
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=X',
      '',
      '--X',
      'Content-Type: text/cloud-config',
      '',
      'write_files:',
      '  - { path: /etc/app/app.conf, content: "the app\\n", owner: "admin:admin", permissions: "0600" }',
      '  - { path: /usr/app.conf, content: not theirs }',
      '--X',
      'Content-Type: text/x-shellscript',
      '',
      '#!/bin/sh',
      'echo ran as $(id -un); echo again >>/root/runs',
      '--X--',
    ].join('\n');
    await machines.boot(request({ user: 'admin', userData: Buffer.from(text) }));
    expect(await out(`admin@${ONE}`, 'cat /etc/app/app.conf; stat -c "%U %a" /etc/app/app.conf')).toBe(
      'the app\nadmin 600',
    );
    const instance = '/var/lib/cloud/instance';
    await until(() => existsSync(machines.file('i-1', `${instance}/boot-finished`)));
    const logged = await out(
      `admin@${ONE}`,
      'sudo cat /var/log/cloud-init-output.log /var/log/cloud-init.log',
    );
    expect(logged).toMatch(/^ran as root\n.*\/usr\/app.conf: Read-only file system/);
    await machines.reboot('i-1');
    expect(await out(`admin@${ONE}`, `sudo cat /root/runs ${instance}/user-data.txt`)).toBe(`again\n${text}`);
  });

  it('let in the user of the image alone, who has sudo unless the image has none', async () => {
    await machines.boot(request({ user: 'ubuntu' }));
    expect(await out(`ubuntu@${ONE}`, 'id -un; pwd; sudo -n id -un')).toBe('ubuntu\n/home/ubuntu\nroot');
    expect((await ssh(`root@${ONE}`, ':')).code).toBe(255);
    await machines.terminate('i-1');
    await using poor = await createSshdMachines({ port, sudo: false });
    await poor.boot(request({ user: 'ubuntu' }));
    const said = await ssh(`ubuntu@${ONE}`, 'id -un; sudo -n id');
    expect(said).toEqual({ code: 1, stdout: 'ubuntu', stderr: 'sudo: a password is required' });
  });

  it('go with their disk when terminated', async () => {
    await machines.boot(request());
    const disk = machines.file('i-1', '/');
    await machines.terminate('i-1');
    await machines.terminate('i-1');
    expect(existsSync(disk)).toBe(false);
    expect(() => machines.file('i-1', '/')).toThrow('Cannot find the machine "i-1"');
  });

  it('say why they cannot boot', async () => {
    await machines.boot(request());
    const boot = machines.boot(request({ id: 'i-2' }));
    await expect(boot).rejects.toThrow(
      /^Cannot boot the machine "i-2": its sshd does not run\n[^]*Cannot bind/,
    );
  });

  it('have an impostor that hears who falls for it', async () => {
    await machines.boot(request({ user: 'admin' }));
    const { ed25519 = '' } = await machines.hostKeys('i-1');
    await machines.stop('i-1');
    await using impostor = await machines.impostor(ONE, { user: 'admin' });
    const known = join(directory, 'impostor');
    await writeFile(known, `[${ONE}]:${port} ${ed25519}\n`);
    const pinned = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${known}`].flatMap((text) => [
      '-o',
      text,
    ]);
    expect((await ssh(`admin@${ONE}`, 'secret', pinned)).code).toBe(255);
    await until(async () => (await impostor.connections()) === 1);
    expect([await impostor.logins(), await impostor.heard()]).toEqual([0, '']);
    expect((await ssh(`admin@${ONE}`, 'secret')).code).toBe(0);
    expect([await impostor.logins(), await impostor.heard()]).toEqual([1, 'secret\n']);
    await impostor[Symbol.asyncDispose]();
    await machines.boot(request({ user: 'admin' }));
    expect((await ssh(`admin@${ONE}`, ':', pinned)).code).toBe(0);
  });

  it('leave nothing behind when disposed of, not even what was still booting', async () => {
    const other = await createSshdMachines({ port });
    const booting = Array.from({ length: 4 }, (_, index) =>
      other.boot(request({ id: `i-${index}`, address: `127.77.1.${index + 1}` })),
    );
    await booting[0];
    const root = join(other.file('i-0', '/'), '..', '..');
    await other[Symbol.asyncDispose]();
    await Promise.all(booting);
    expect(existsSync(root)).toBe(false);
    expect(await pidsOf(root)).toEqual([]);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(root);
  });

  it('end with the process that started them, even if that is killed', async () => {
    const home = join(directory, 'killed');
    const image = join(home, 'image');
    const disk = join(home, 'disk');
    await mkdir(home);
    await makeImage(image);
    await makeDisk({ ...request(), image, disk, sudo: false, init: cloudInit(null) });
    await setAddress(disk, ONE, port);
    const module = join(home, 'machine-power.mjs');
    const source = await readFile(join(import.meta.dirname, 'machine-power.ts'), 'utf8');
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ESNext };
    await writeFile(module, ts.transpileModule(source, { compilerOptions }).outputText);
    const program = `const { powerOn } = await import(${JSON.stringify(module)});
      await powerOn({ directory: ${JSON.stringify(home)}, name: 'killed' }); console.log('on');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    const daemon = `8${Date.now()}`;
    await out(`root@${ONE}`, `setsid -f sleep ${daemon} >/dev/null 2>&1`);
    expect(await pidsOf(daemon)).toHaveLength(1);
    child.kill('SIGKILL');
    await until(async () => (await pidsOf(daemon)).length === 0 && (await pidsOf(home)).length === 0);
  });
});

/** Of all processes of this computer that have `text` among their arguments. */
async function pidsOf(text: string): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return pids.filter((_, index) => commands[index]?.includes(text));
}
