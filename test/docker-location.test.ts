import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { frameReader } from '../src/docker-frames.ts';
import { dockerAt, locateDocker } from '../src/docker-location.ts';

const unsaid = { host: null, context: null };

describe('locateDocker()', () => {
  let home: string;
  let certificates: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'plan-docker-home-'));
    const id = createHash('sha256').update('far').digest('hex');
    const meta = join(home, '.docker', 'contexts', 'meta', id);
    certificates = join(home, '.docker', 'contexts', 'tls', id, 'docker');
    await mkdir(meta, { recursive: true });
    await mkdir(certificates, { recursive: true });
    const context = { Name: 'far', Endpoints: { docker: { Host: 'tcp://far.example:2376' } } };
    await writeFile(join(meta, 'meta.json'), JSON.stringify(context));
    await writeFile(join(home, 'podman.sock'), '');
  });
  afterAll(() => rm(home, { recursive: true }));

  const at = (environment: Readonly<Record<string, string>> = {}, sockets: readonly string[] = []) => ({
    environment,
    home,
    sockets,
  });

  it('takes what is wanted before the environment, and that before the current context', async () => {
    const environment = { DOCKER_HOST: '10.0.0.5:2375' };
    expect(await locateDocker({ ...unsaid, host: 'unix:///x.sock' }, at(environment))).toEqual({
      address: 'unix:///x.sock',
      certificates: null,
    });
    const far = { address: 'tcp://far.example:2376', certificates };
    expect(await locateDocker({ ...unsaid, context: 'far' }, at(environment))).toEqual(far);
    expect(await locateDocker(unsaid, at(environment))).toMatchObject({ address: 'tcp://10.0.0.5:2375' });
    await writeFile(join(home, '.docker', 'config.json'), JSON.stringify({ currentContext: 'far' }));
    expect(await locateDocker(unsaid, at())).toEqual(far);
    expect(await dockerAt(far.address, at())).toEqual(far);
    await rm(join(home, '.docker', 'config.json'));
  });

  it('takes the first socket that is there, else the usual one', async () => {
    const [none, podman] = ['/no/docker.sock', join(home, 'podman.sock')];
    expect(await locateDocker(unsaid, at({}, [none, podman]))).toMatchObject({ address: `unix://${podman}` });
    expect(await locateDocker(unsaid, at({}, [none]))).toMatchObject({ address: `unix://${none}` });
  });

  it('speaks TLS where the environment or the port says so', async () => {
    const told = { DOCKER_HOST: 'tcp://h:1', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/certs' };
    expect(await locateDocker(unsaid, at(told))).toEqual({ address: 'tcp://h:1', certificates: '/certs' });
    expect(await dockerAt('tcp://h:2376', at())).toMatchObject({ certificates: join(home, '.docker') });
  });

  it('says which contexts there are, and what an address looks like', async () => {
    const hint = { hint: 'There are: far.' };
    await expect(locateDocker({ ...unsaid, context: 'near' }, at())).rejects.toMatchObject(hint);
    await expect(locateDocker({ ...unsaid, host: 'http://x' }, at())).rejects.toThrow(/it is not an address/);
  });

  it('says how to do without SSH, whoever names it', async () => {
    const refusal = {
      message: 'Cannot use the container engine at "ssh://ann@h": an engine is not reached through SSH',
      hint: 'Forward its socket with "ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock ssh://ann@h" and use unix:///tmp/docker.sock.',
    };
    const meta = join(home, '.docker', 'contexts', 'meta', 'tunnel');
    await mkdir(meta);
    const context = { Name: 'tunnel', Endpoints: { docker: { Host: 'ssh://ann@h' } } };
    await writeFile(join(meta, 'meta.json'), JSON.stringify(context));
    const told = at({ DOCKER_HOST: 'ssh://ann@h' });
    await expect(locateDocker(unsaid, told)).rejects.toMatchObject(refusal);
    await expect(locateDocker({ ...unsaid, context: 'tunnel' }, at())).rejects.toMatchObject(refusal);
    await rm(meta, { recursive: true });
  });
});

describe('frameReader()', () => {
  it('takes frames apart, however they are cut', () => {
    const frame = (stream: number, words: string) =>
      Buffer.concat([Buffer.from([stream, 0, 0, 0, 0, 0, 0, words.length]), Buffer.from(words)]);
    const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err'), frame(1, ''), frame(1, 'more')]);
    for (let size = 1; size <= bytes.length; size += 1) {
      const told = { out: '', err: '' };
      const read = frameReader(
        (chunk) => (told.out += String(chunk)),
        (chunk) => (told.err += String(chunk)),
      );
      for (let from = 0; from < bytes.length; from += size) read(bytes.subarray(from, from + size));
      expect(told).toEqual({ out: 'outmore', err: 'err' });
    }
  });
});
