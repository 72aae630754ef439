import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'rolldown';

const OUT = 'dist/cli';

/** What stays a package: it has native parts, or is large and seldom used. */
const PACKAGES = /^(?:better-sqlite3|ssh2|dockerode|@aws-sdk\/.*)$/;

/** The programs, as few files of CommonJS: Node loads them in a fraction of the time that their modules take. */
export default defineConfig({
  input: {
    main: 'src/cli/main.ts',
    'host-main': 'src/providers/local/host-main.ts',
    'keeper-main': 'src/connection/keeper/keeper-main.ts',
  },
  platform: 'node',
  transform: { target: 'node20.19' },
  external: PACKAGES,
  plugins: [companions(), keepUnchanged()],
  // One folder below `dist`, so that paths relative to `import.meta.url` are the same as in a folder of the sources.
  output: { dir: OUT, format: 'cjs', entryFileNames: '[name].js', chunkFileNames: '[name].js' },
});

/** Says that the files are CommonJS, and adds the licences of the packages that are part of them. */
function companions() {
  return {
    name: 'companions',
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
      const folders = modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []);
      const notices = [...new Set(folders)].sort().map(notice);
      this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
      this.emitFile({
        type: 'asset',
        fileName: 'THIRD-PARTY.txt',
        source: notices.join(`\n${'-'.repeat(80)}\n\n`),
      });
    },
  };
}

function notice(folder) {
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined)
    throw new Error(`Cannot make "${name}" a part of the programs: it comes without a licence`);
  return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
}

/** Does not write what is there already: a program that runs may still load it. */
function keepUnchanged() {
  return {
    name: 'keep-unchanged',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        for (const [name, file] of Object.entries(bundle)) {
          const path = join(OUT, name);
          const content = file.type === 'chunk' ? file.code : file.source;
          if (existsSync(path) && readFileSync(path, 'utf8') === content) delete bundle[name];
        }
      },
    },
  };
}
