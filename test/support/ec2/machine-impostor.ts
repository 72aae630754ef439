import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cloudInit } from './cloud-init.ts';
import { makeDisk, setAddress } from './machine-disk.ts';
import { SSHD_LOG, powerOn } from './machine-power.ts';

/** A server that is not the machine it is taken for, and lets everybody in to hear what they say. */
export interface Impostor extends AsyncDisposable {
  /** What its sshd logged so far, at VERBOSE. */
  log(): Promise<string>;
  /** How many connections came in. */
  connections(): Promise<number>;
  /** How many of them were authenticated. */
  logins(): Promise<number>;
  /** Every command that it was sent, on a line of its own, followed by all of its input. */
  heard(): Promise<string>;
}

const HEARD = '/var/log/heard';

const CONFIG = `AuthorizedKeysFile none
AuthorizedKeysCommand /usr/bin/echo %t %k
AuthorizedKeysCommandUser nobody
ForceCommand { printenv SSH_ORIGINAL_COMMAND; cat; } >>${HEARD}
`;

export async function startImpostor({
  directory,
  image,
  address,
  port,
  user,
}: {
  readonly directory: string;
  readonly image: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
}): Promise<Impostor> {
  const disk = join(directory, 'disk');
  await mkdir(directory);
  await makeDisk({
    image,
    disk,
    id: 'impostor',
    user,
    sudo: false,
    authorizedKeys: [],
    userData: null,
    init: cloudInit(null),
  });
  await writeFile(join(disk, 'etc/ssh/sshd_config.d/20-impostor.conf'), CONFIG);
  await writeFile(join(disk, HEARD), '');
  await chmod(join(disk, HEARD), 0o666);
  await setAddress(disk, address, port);
  const power = await powerOn({ directory, name: 'impostor' });
  const read = (path: string) => readFile(join(disk, path), 'utf8');
  const lines = async (pattern: RegExp) =>
    (await read(SSHD_LOG)).split('\n').filter((line) => pattern.test(line)).length;
  return {
    log: () => read(SSHD_LOG),
    connections: () => lines(/^Connection from /),
    logins: () => lines(/^Accepted publickey /),
    heard: () => read(HEARD),
    async [Symbol.asyncDispose]() {
      await power.off();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
