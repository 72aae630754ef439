import { expect, it } from 'vitest';
import { scenario, textOf } from './scenario.ts';

/** Listens at a port that the system chooses, and makes a token up. */
const SERVE = `#!/usr/bin/env node
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
const program = \`require('node:http').createServer((request, response) => response.end('served'))
  .listen(0, process.env.PLAN_HOSTNAME, function () { process.stdout.write(String(this.address().port)); })\`;
const child = spawn(process.execPath, ['-e', program], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
const [port] = await once(child.stdout, 'data');
const token = randomBytes(12).toString('hex');
appendFileSync(process.env.PLAN_OUTPUT, \`port=\${port}\\ntoken=\${token}\\nlines<<END\\nfirst \${token}\\n\\n  third\\nEND\\n\`);
process.exit();
`;

const USE = `#!/bin/sh
{ echo "env $ONE_PORT $ONE_TOKEN"; echo "list $ALL_PORTS $ALL_TOKENS"; echo "lines $LINES_OF_ONE"; } >"$SHARED/env"
printf '%s\\n' "$@" >"$SHARED/args"
cp seen.conf "$SHARED/files"
`;

it('outputs of one machine and of eight reach env, args, files and verify of a later level', async () => {
  const space = await scenario({
    'serve.mjs': SERVE,
    'use.sh': USE,
    'seen.conf.hbs':
      '{{services.one.port}} {{quote services.one.token}}\n{{#each services.many.machines}}\n{{name}} {{port}} {{token}}\n{{/each}}\n{{services.one.lines}}\n',
  });
  await space.plan(
    'outputs',
    `
levels:
  - name: below
    services:
      one: { bootstrap: serve.mjs, outputs: [port, token, lines] }
      many: { count: 8, bootstrap: serve.mjs, outputs: { port: , token: {}, lines: , constant: "{{self.name}}!" } }
  - name: above
    services:
      user:
        env:
          ONE_PORT: "{{services.one.port}}"
          ONE_TOKEN: "{{services.one.token}}"
          LINES_OF_ONE: "{{services.one.lines}}"
          ALL_PORTS: "{{join services.many.all.port ','}}"
          ALL_TOKENS: "{{join services.many.all.token ','}}"
        files: [{ source: seen.conf.hbs, target: seen.conf, template: true }]
        bootstrap:
          script: use.sh
          args: ["{{services.one.port}}", "{{json services.many.all.port}}", "{{services.one.lines}}", "{{services.many.machines.7.constant}}"]
        verify:
          - { http: { port: "{{services.one.port}}" }, host: "{{services.one.hostname}}", interval: 50ms }
          - { tcp: "{{services.many.machines.7.port}}", host: "{{services.many.machines.7.hostname}}", interval: 50ms }
          - { run: 'test "$1" = "$ONE_TOKEN"', args: ["{{services.one.token}}"], interval: 50ms, timeout: 5s }
`,
  );
  expect((await space.run(['up', 'outputs.yml'])).stderr).toMatch(/✔ outputs is ready/);

  const machines = await space.machines('outputs');
  const outputsOf = (name: string) => machines.get(name)?.outputs ?? {};
  const { port, token, lines } = outputsOf('one-0');
  const many = Array.from({ length: 8 }, (_, index) => outputsOf(`many-${index}`));
  const ports = many.map((outputs) => outputs['port']);
  const tokens = many.map((outputs) => outputs['token']);
  expect(port).toMatch(/^\d+$/);
  expect(lines).toBe(`first ${token}\n\n  third`);
  expect(new Set([token, ...tokens]).size).toBe(9);
  expect(many.map((outputs) => outputs['constant'])).toEqual(ports.map((_, index) => `many-${index}!`));

  expect(await textOf(space, 'env')).toBe(
    `env ${port} ${token}\nlist ${ports.join(',')} ${tokens.join(',')}\nlines ${lines}\n`,
  );
  expect(await textOf(space, 'args')).toBe(`${port}\n${JSON.stringify(ports)}\n${lines}\nmany-7!\n`);
  expect(await textOf(space, 'files')).toBe(
    `${port} '${token}'\n${ports.map((one, index) => `many-${index} ${one} ${tokens[index]}\n`).join('')}${lines}\n`,
  );
});
