import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { BUSYBOX, dockerMissing, startDocker } from '../support/docker.ts';
import { logOf, scenario } from './scenario.ts';

const missing = dockerMissing();

describe.skipIf(missing !== undefined)(
  `containers of an engine that a context names${missing ? `: ${missing}` : ''}`,
  () => {
    // With an engine in a network of its own there is no way from here to a container, as with Docker Desktop or without
    // root; whoever answers at its address is somebody else.
    it.each([
      ['directly', []],
      ['through commands in them where there is no route', ['unshare', '--net']],
    ])('are asked by tcp and http %s', async (_how, before) => {
      const docker = await startDocker([BUSYBOX], [], before);
      onTestFinished(() => docker[Symbol.asyncDispose]());
      const space = await scenario();
      const hash = createHash('sha256').update('here').digest('hex');
      const context = { Name: 'here', Endpoints: { docker: { Host: docker.address } } };
      await space.write(`docker/contexts/meta/${hash}/meta.json`, JSON.stringify(context));
      await space.write('docker/config.json', JSON.stringify({ currentContext: 'here' }));
      onTestFinished(() => void vi.unstubAllEnvs());
      vi.stubEnv('DOCKER_HOST', '');
      vi.stubEnv('DOCKER_CONTEXT', '');
      vi.stubEnv('DOCKER_CONFIG', join(space.path, 'docker'));
      await space.write(
        'reach.yml',
        `version: 1
name: reach
providers: { boxes: { type: docker } }
levels:
  - name: all
    services:
      web:
        provider: boxes
        image: ${BUSYBOX}
        bootstrap: { run: 'echo fine >index.html; httpd -fvv -p 8080 </dev/null >/tmp/seen 2>&1 &' }
        verify:
          - { tcp: 8080 }
          - { http: { port: 8080, path: /index.html } }
          - { run: 'grep url:/index.html /tmp/seen', interval: 100ms }
`,
      );
      const up = await space.run(['up', 'reach.yml']);
      expect(up.code, up.stderr).toBe(0);
      const address = (await space.machines('reach')).get('web-0')?.address ?? '';
      // What the server says of whom it answered.
      const seen = await logOf(space, 'reach', 'web-0', 'verify');
      expect(seen.includes(`[::ffff:${address}]`)).toBe(before.length > 0);

      // What the environment names counts before what is current, and a name that means nothing is an error.
      await space.write('docker/config.json', JSON.stringify({ currentContext: 'gone' }));
      const lost = await space.run(['verify', 'reach']);
      expect([lost.code, lost.stderr]).toEqual([
        expect.any(Number) as unknown,
        expect.stringContaining(
          'Cannot use the Docker context "gone": there is none of this name',
        ) as unknown,
      ]);
      vi.stubEnv('DOCKER_CONTEXT', 'here');
      const again = await space.run(['verify', 'reach']);
      expect(again.code, again.stderr).toBe(0);
      const down = await space.run(['down', '--yes', 'reach']);
      expect(down.code, down.stderr).toBe(0);
      expect(await docker.call('GET', '/containers/json?all=1')).toEqual([]);
    });
  },
);
