import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchHostKey } from '../../../src/providers/ec2/batch-host-key.ts';
import { combineUserData } from '../../../src/providers/ec2/user-data.ts';
import { userDataParts } from '../../support/ec2/cloud-init-parts.ts';
import { cloudInit } from '../../support/ec2/cloud-init.ts';

const HOST_KEY = batchHostKey();
const HOST_KEYS = [{ type: 'ecdsa', private: HOST_KEY.privateKey, public: HOST_KEY.publicKey }];

function combine(own: string | null, hostKey: typeof HOST_KEY | null = HOST_KEY): Buffer | null {
  const answer = combineUserData({ own, hostKey });
  return answer.kind === 'data' ? answer.data : expect.fail(answer.message);
}

function partsOf(own: string): readonly (readonly [string, string])[] {
  return userDataParts(combine(own) ?? Buffer.alloc(0)).map(({ type, content }) => [
    type,
    content.toString(),
  ]);
}

function problemOf(own: string, hostKey: typeof HOST_KEY | null = HOST_KEY): string {
  const answer = combineUserData({ own, hostKey });
  return answer.kind === 'problem' ? `${answer.message}\n${answer.hint}` : expect.fail('it was combined');
}

describe('without a host key', () => {
  it('user data stays as it is', () => {
    expect(combine(null, null)).toBeNull();
    for (const own of ['<powershell>é</powershell>', '#!/bin/sh\r\n', ' '])
      expect(combine(own, null)?.toString()).toBe(own);
  });

  it('user data has 16,384 bytes at most', () => {
    const own = `#!/bin/sh\n${'é'.repeat(8_187)}`;
    expect(combine(own, null)).toHaveLength(16_384);
    expect(problemOf(`${own}!`, null)).toBe(
      'Cannot use ec2.userData: it has 16385 bytes, and EC2 takes 16384\n' +
        'Keep what is large elsewhere: in files, in bootstrap, or behind an address that #include names.',
    );
  });
});

describe('a host key', () => {
  it('alone is a cloud-config', () => {
    const data = combine(null);
    expect(data?.toString()).toMatch(
      /^#cloud-config\nssh_deletekeys: true\nssh_keys:\n {2}ecdsa_private: \|\n/,
    );
    expect(cloudInit(data)).toMatchObject({ hostKeys: HOST_KEYS, warnings: [] });
    expect(combine(' \n')).toEqual(data);
  });

  it.each([
    ['#!/bin/sh\necho hi\n', 'text/x-shellscript'],
    ['#!/bin/sh\necho é\r\n', 'text/x-shellscript'],
    ['\n#cloud-config\npackages: [jq]', 'text/cloud-config'],
    ['#cloud-config-archive\n- content: "#!/bin/sh"\n', 'text/cloud-config-archive'],
    ['#cloud-config-jsonp\n[{"op": "add", "path": "/a", "value": 1}]', 'text/cloud-config-jsonp'],
    ['#cloud-boothook\n#!/bin/sh\n', 'text/cloud-boothook'],
    ['#part-handler\n', 'text/part-handler'],
    ['#include-once\nhttp://a\n', 'text/x-include-once-url'],
    ['#include\nhttp://a\n', 'text/x-include-url'],
    ['## template: jinja\n#cloud-config\nruncmd: ["{{ v1.region }}"]\n', 'text/jinja2'],
  ])('comes after %j', (own, type) => {
    const [first, second, ...others] = partsOf(own);
    expect([first, others]).toEqual([[type, own], []]);
    expect(second).toEqual(['text/cloud-config', combine(null)?.toString()]);
  });

  it('comes after the parts of a message', () => {
    const own = [
      'Content-Type: multipart/mixed; boundary="b"',
      'MIME-Version: 1.0',
      '',
      '--b',
      'Content-Type: text/cloud-config',
      '',
      '#cloud-config',
      'packages: [a]',
      '--b',
      'Content-Type: text/x-shellscript',
      '',
      '#!/bin/sh',
      '--b--',
      '',
    ].join('\n');
    expect(partsOf(own)).toEqual([
      ['text/cloud-config', '#cloud-config\npackages: [a]'],
      ['text/x-shellscript', '#!/bin/sh'],
      ['text/cloud-config', combine(null)?.toString()],
    ]);
  });

  it('replaces what is merged before it, and says so', () => {
    expect(combine('#!/bin/sh\n')?.toString()).toContain('\nMerge-Type: dict(replace)+list()+str()\n');
    const own = '#cloud-config-archive\n- content: "#!/bin/sh"\n';
    expect(cloudInit(combine(own)).hostKeys).toEqual(HOST_KEYS);
  });

  it('makes the same of the same', () => {
    expect(combine('#!/bin/sh\n')).toEqual(combine('#!/bin/sh\n'));
  });

  it('keeps any script, byte for byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (rest) => {
        const script = `#!/bin/sh\n${rest}`;
        const { scripts, hostKeys } = cloudInit(combine(script));
        expect(hostKeys).toEqual(HOST_KEYS);
        expect(scripts.map(({ content }) => content.toString())).toEqual([Buffer.from(script).toString()]);
      }),
    );
  });

  it('has a boundary of its own beside what looks like one', () => {
    const first = combine('#!/bin/sh\n')?.toString() ?? '';
    const boundary = /boundary="([^"]+)"/.exec(first)?.[1] ?? '';
    const script = `#!/bin/sh\ncat <<E\n--${boundary}\n--${boundary}--\nE\n`;
    expect(partsOf(script)[0]).toEqual(['text/x-shellscript', script]);
  });

  it('is compressed with what is large', () => {
    const script = `#!/bin/sh\n${'# comment\n'.repeat(4_000)}`;
    const data = combine(script) ?? Buffer.alloc(0);
    expect(data.length).toBeLessThan(2_000);
    expect([...data.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    expect(gunzipSync(data).toString()).toContain('Content-Type: multipart/mixed');
    expect(cloudInit(data)).toMatchObject({ hostKeys: HOST_KEYS });
  });

  it('leaves no room for what cannot be compressed', () => {
    const script = `#!/bin/sh\n# ${randomBytes(20_000).toString('base64')}\n`;
    expect(problemOf(script)).toMatch(
      /^Cannot use ec2\.userData: it has 2\d{4} bytes \(2\d{4} compressed\), and EC2 takes 16384\n/,
    );
  });

  it.each(['<powershell></powershell>', 'hello: world', '\u001f\u008b'])(
    'cannot be combined with %j',
    (own) => {
      expect(problemOf(own)).toContain(
        'it is nothing that cloud-init knows by its first line\nBegin it with',
      );
      expect(problemOf(own)).toContain('ssh.hostKey: pinFirst');
    },
  );

  it.each([
    '#cloud-config\nssh_keys:\n  rsa_private: x\n',
    '#cloud-config\n"ssh_deletekeys" : false\n',
    '#cloud-config\n{"packages": [], "ssh_keys": {}}',
    '#cloud-config\n---\n{ssh_keys: {}}',
    '## template: jinja\n#cloud-config\nssh_keys: {}\n',
    '#cloud-config-archive\n- content: |\n    #cloud-config\n    ssh_keys: {}\n',
    '#cloud-config-jsonp\n[{"op": "add", "path": "/ssh_keys/rsa_private", "value": 1}]',
    'MIME-Version: 1.0\nContent-Type: text/cloud-config\n\n#cloud-config\nssh_keys: {}\n',
  ])('is not to be lost beside %j', (own) => {
    expect(problemOf(own)).toBe(
      'Cannot use ec2.userData beside a host key: it sets host keys itself (ssh_keys, ssh_deletekeys)\n' +
        'Write the fingerprint of its key as ssh.hostKey, or pinFirst, and it is handed over as it is.',
    );
  });

  it.each([
    '#!/bin/sh\nssh_keys: no\n',
    '#cloud-config\nwrite_files:\n- content: |\n    ssh_keys: {}\n  path: /x\n',
    '#cloud-config\n# ssh_keys: are set elsewhere\nmy_ssh_keys: 1\nnote: "{ssh_keys: {}}"\n',
  ])('has nothing to do with %j', (own) => {
    expect(partsOf(own)).toHaveLength(2);
  });
});

describe('with an end', () => {
  function withEnd(own: string | null, hostKey: typeof HOST_KEY | null): Buffer {
    const answer = combineUserData({ own, hostKey, expiresAt: 1_800_000_000_500 });
    return (answer.kind === 'data' ? answer.data : null) ?? expect.fail('there is none');
  }

  it('a script that sets it comes before the own one, with the host key', () => {
    const init = cloudInit(withEnd('#!/bin/sh\necho own\n', HOST_KEY));
    expect(init.hostKeys).toEqual(HOST_KEYS);
    expect(init.warnings).toEqual([]);
    const [first, second] = init.scripts.map(({ content }) => content.toString());
    expect(first).toContain('echo 1800000001 >/var/lib/launch-plan/end.new');
    expect(second).toContain('echo own');
  });

  it('the script is all there is where nothing else is asked for', () => {
    expect(cloudInit(withEnd(null, HOST_KEY)).scripts).toHaveLength(1);
    expect(withEnd(null, null).toString()).toMatch(/^#!\/bin\/sh\n/);
  });

  it('own user data without a host key stays as it is', () => {
    expect(withEnd('anything', null).toString()).toBe('anything');
  });
});
