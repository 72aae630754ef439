import { lstat, readFile, readdir, stat, symlink, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Scenario } from './scenario.ts';
import { scenario } from './scenario.ts';

async function homeOf(space: Scenario, deployment: string, machine: string): Promise<string> {
  const { id } = (await space.machines(deployment)).get(machine) ?? {};
  return join(space.stateDirectory, 'machines', id ?? '');
}

it('levels in files of their own, with paths relative to them, come up among the others', async () => {
  const space = await scenario({
    'levels/01-data.yml': `
name: data
services:
  db:
    bootstrap: { script: scripts/db.sh, args: ["{{inputs.size}}"] }
    files: [{ source: conf/db.conf, target: db.conf }]
    outputs: [size]
`,
    'levels/scripts/db.sh': '#!/bin/sh\ncat db.conf >>"$SHARED/seen"; echo "size=$1" >>"$PLAN_OUTPUT"\n',
    'levels/conf/db.conf': 'configured\n',
  });
  await space.plan(
    'split',
    `
inputs: { size: { default: large } }
levels:
  - file: levels/01-data.yml
  - name: app
    services:
      web: { bootstrap: { run: 'echo "web sees $1" >>"$SHARED/seen"', args: ["{{services.db.size}}"] } }
`,
  );
  expect(await space.run(['up', 'split.yml', '--input', 'size=huge'])).toMatchObject({ code: 0 });
  expect(space.told('seen')).toEqual(['configured', 'web sees huge']);
  expect((await space.status('split')).levels.map(({ name }) => name)).toEqual(['data', 'app']);
});

it('directories are scripts and files: copied whole, with their modes', async () => {
  const big = Buffer.alloc(3 * 1024 * 1024, 'all bytes \u0000\u0001\u00ff');
  const space = await scenario({
    'tool/run': '#!/bin/sh\nexec "$(dirname "$0")/lib/real.sh" "$@"\n',
    'tool/lib/real.sh': '#!/bin/sh\n. "$(dirname "$0")/words"\necho "$WORD $1 in $(pwd)" >>"$SHARED/ran"\n',
    'tool/lib/words': 'WORD=hello\n',
    'site/index.html': '<html>\n',
    'site/bin/tool': '#!/bin/sh\necho tool\n',
    'site/deep/er/name with space': 'deep\n',
    'one.txt': '{{not a template}}\n',
    'one.hbs': '{{self.name}}\n',
  });
  await space.write('site/big.bin', big);
  await space.plan(
    'copied',
    `
levels:
  - name: only
    services:
      web:
        files:
          - { source: site, target: www }
          - { source: one.txt, target: "~/etc/one.txt", mode: "0600" }
          - { source: one.hbs, target: "{{self.name}}.txt", template: true }
          - { content: "#!/bin/sh\\necho {{self.index}}\\n", target: bin/say, mode: "0755" }
        bootstrap: { script: tool, args: ["a b"] }
        verify: { run: 'test "$(www/bin/tool)" = tool && test "$(bin/say)" = 0 && test -f www/index.html', timeout: 10s }
`,
  );
  const up = await space.run(['up', 'copied.yml']);
  expect(up.stderr).toMatch(/✔ copied is ready/);
  const home = await homeOf(space, 'copied', 'web-0');
  const work = space.told('ran')[0]?.replace('hello a b in ', '') ?? '';
  expect(work.startsWith(home)).toBe(true);
  expect((await readdir(join(work, 'www'), { recursive: true })).toSorted()).toEqual([
    'big.bin',
    'bin',
    'bin/tool',
    'deep',
    'deep/er',
    'deep/er/name with space',
    'index.html',
  ]);
  expect((await readFile(join(work, 'www/big.bin'))).equals(big)).toBe(true);
  expect((await stat(join(work, 'www/bin/tool'))).mode & 0o777).toBe(0o755);
  expect((await stat(join(work, 'www/index.html'))).mode & 0o777).toBe(0o644);
  expect(await readFile(join(home, 'etc/one.txt'), 'utf8')).toBe('{{not a template}}\n');
  expect((await stat(join(home, 'etc/one.txt'))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(work, 'web-0.txt'), 'utf8')).toBe('web-0\n');
});

it('a machine starts with what its image directory holds', async () => {
  const space = await scenario({ 'image/etc/release': '7\n', 'image/bin/hello': '#!/bin/sh\necho hello\n' });
  await mkdir(join(space.path, 'image/empty'));
  await symlink('etc/release', join(space.path, 'image/link'));
  await space.plan(
    'imaged',
    `
levels:
  - name: only
    services:
      web:
        count: 2
        image: image
        bootstrap: { run: 'test "$("$HOME/bin/hello")" = hello; echo 8 >"$HOME/etc/release"' }
        verify: { run: 'test "$(cat "$HOME/link")" = 8', timeout: 10s }
`,
  );
  expect(await space.run(['up', 'imaged.yml'])).toMatchObject({ code: 0 });
  const home = await homeOf(space, 'imaged', 'web-1');
  expect((await lstat(join(home, 'link'))).isSymbolicLink()).toBe(true);
  expect((await lstat(join(home, 'empty'))).isDirectory()).toBe(true);
  expect(await readFile(join(space.path, 'image/etc/release'), 'utf8')).toBe('7\n');
  expect(await space.run(['down', '--yes'])).toMatchObject({ code: 0 });

  const missing = await space.run(['up', 'imaged.yml', '--name', 'other']);
  expect(missing).toMatchObject({ code: 0 });
  await space.plan(
    'nothing',
    `levels: [{ name: only, services: { web: { image: ${JSON.stringify(join(space.path, 'no image'))} } } }]\n`,
  );
  const nothing = await space.run(['up', 'nothing.yml']);
  expect(nothing.code).not.toBe(0);
  expect(nothing.stderr).toMatch(
    /Service "web": Cannot start machines from image [^\n]*: it is not a directory/,
  );
});
