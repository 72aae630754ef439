import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloudInit } from './cloud-init.ts';
import type { CloudInit } from './cloud-init.ts';

const NOTHING: CloudInit = { hostKeys: null, authorizedKeys: [], files: [], scripts: [], warnings: [] };

function of(text: string): CloudInit {
  return cloudInit(Buffer.from(text));
}

function lines(...text: readonly string[]): string {
  return text.join('\n');
}

function multipart(...parts: readonly (readonly string[])[]): string {
  return lines(
    'Content-Type: multipart/mixed; boundary="=="',
    'MIME-Version: 1.0',
    '',
    ...parts.flatMap((part) => ['--==', ...part]),
    '--==--',
    '',
  );
}

function scriptsOf(init: CloudInit): readonly string[] {
  return init.scripts.map(({ name, content }) => `${name}: ${content.toString()}`);
}

describe('cloudInit()', () => {
  it('finds nothing to do in no user data', () => {
    expect(cloudInit(null)).toEqual(NOTHING);
    expect(of('')).toEqual(NOTHING);
  });

  it('reads host keys, derived public ones too', () => {
    const text = lines(
      '#cloud-config',
      'ssh_deletekeys: true',
      'ssh_keys:',
      '  ecdsa_private: |',
      '    -----BEGIN-----',
      '    abc',
      '  ecdsa_public: ecdsa-sha2-nistp256 AAAA',
      '  ed25519_private: x',
    );
    expect(of(text)).toEqual({
      ...NOTHING,
      hostKeys: [
        { type: 'ecdsa', private: '-----BEGIN-----\nabc\n', public: 'ecdsa-sha2-nistp256 AAAA' },
        { type: 'ed25519', private: 'x', public: null },
      ],
    });
  });

  it('reads files in each of their encodings and modes', () => {
    const packed = gzipSync('packed').toString('base64');
    const { files } = of(
      lines(
        '#cloud-config',
        'write_files:',
        '  - { path: /a, content: plain }',
        '  - { path: /b, content: Yg==, encoding: b64, permissions: "0600", owner: web }',
        `  - { path: /c, content: "${packed}", encoding: gz+b64, permissions: 0755, append: true }`,
      ),
    );
    expect(files).toEqual([
      { path: '/a', content: Buffer.from('plain'), mode: 0o644, owner: 'root:root', append: false },
      { path: '/b', content: Buffer.from('b'), mode: 0o600, owner: 'web', append: false },
      { path: '/c', content: Buffer.from('packed'), mode: 0o755, owner: 'root:root', append: true },
    ]);
  });

  it('makes a script of runcmd, after the other scripts', () => {
    const config = lines('#cloud-config', 'runcmd:', '  - echo $HOME', '  - [echo, "it\'s"]');
    const text = multipart(
      ['Content-Type: text/cloud-config', '', config],
      ['Content-Type: text/x-shellscript', '', '#!/bin/sh', 'first'],
    );
    expect(scriptsOf(of(text))).toEqual([
      'part-001: #!/bin/sh\nfirst',
      "runcmd: #!/bin/sh\necho $HOME\n'echo' 'it'\\''s'\n",
    ]);
  });

  it('takes a raw script, gzipped or not', () => {
    const script = '#!/bin/sh\necho ü\n';
    expect(scriptsOf(of(script))).toEqual([`part-001: ${script}`]);
    expect(scriptsOf(cloudInit(gzipSync(script)))).toEqual([`part-001: ${script}`]);
  });

  it('takes parts in base64 and quoted-printable, nested, of types told by their first line, with CRLF', () => {
    const inner = [
      'Content-Type: multipart/mixed;',
      ' boundary=inner',
      '',
      '--inner',
      'Content-Type: text/plain; charset="utf-8"',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('#!/bin/sh\n1').toString('base64'),
      '--inner--',
    ];
    const quoted = [
      'Content-Type: text/x-shellscript',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      '#!/bin/sh=0A=',
      '2',
    ];
    const text = multipart(inner, quoted);
    expect(scriptsOf(of(text))).toEqual(['part-001: #!/bin/sh\n1', 'part-002: #!/bin/sh\n2']);
    expect(of(text.replaceAll('\n', '\r\n'))).toEqual(of(text));
  });

  it('lets a later cloud-config replace the same key of an earlier one', () => {
    const config = (text: string) => ['Content-Type: text/cloud-config', '', text];
    const init = of(multipart(config('runcmd: [a]\nssh_authorized_keys: [k]'), config('runcmd: [b]')));
    expect(scriptsOf(init)).toEqual(['runcmd: #!/bin/sh\nb\n']);
    expect(init.authorizedKeys).toEqual(['k']);
  });

  it('warns of what it cannot read, and does the rest', () => {
    expect(of('just text').warnings).toEqual(['unhandled part of type "text/plain"']);
    expect(of('#cloud-config\npackages: [nginx]').warnings).toEqual(['no module for "packages"']);
    expect(of('#cloud-config\n- a').warnings).toEqual(['cloud-config is not a mapping']);
    expect(of('#cloud-config\n"').warnings).toHaveLength(1);
    expect(of('#cloud-config\nwrite_files: [{}]').warnings).toEqual(['write_files: an entry has no path']);
    expect(cloudInit(Buffer.from([0x1f, 0x8b, 0])).warnings).toHaveLength(1);
    expect(of('MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n').scripts).toEqual([]);
  });

  it('gives back every byte of a part, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const content = Buffer.concat([Buffer.from('#!'), bytes]);
        const part = ['Content-Type: text/x-shellscript', 'Content-Transfer-Encoding: base64', ''];
        const init = of(multipart([...part, content.toString('base64')]));
        expect(init.scripts[0]?.content.equals(content)).toBe(true);
      }),
    );
  });
});
