import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { spaciousMemory } from './spacious-memory.ts';

/** What plans/tiers.yml would install. */
const PACKAGES = ['postgresql', 'libdbd-pg-perl', 'nginx'];

/** What nothing that runs in the test reads: two thirds of what would be unpacked. */
const NEEDLESS = [
  ...['doc', 'man', 'locale', 'i18n', 'info'].map((name) => `/usr/share/${name}/*`),
  ...['/usr/lib/*/libLLVM*', '/usr/lib/*/libz3*', '/usr/lib/postgresql/*/lib/bitcode/*'],
];

/** Arguments: directory to work in, file of the base, file to make, packages. Nothing outside of the directory changes. */
const PROGRAM = `
root=$1 base=$2 file=$3
shift 3
tar -C "$root" -xf "$base"
printf '%s\\n' force-unsafe-io ${NEEDLESS.map((path) => `'path-exclude=${path}'`).join(' ')} >"$root/etc/dpkg/dpkg.cfg.d/small"
printf '#!/bin/sh\\nexit 101\\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get -qq -o Acquire::Languages=none update
chroot "$root" apt-get -qqy --no-install-recommends install "$@"
umount "$root/dev" "$root/proc"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
for part in doc man locale i18n info; do rm -rf "$root/usr/share/$part"; done
tar -C "$root" -cf "$file" .
`;

/** Makes the file of a Debian with the packages of plans/tiers.yml from that of a minimal one. */
export async function makeTiers(base: string, file: string): Promise<void> {
  const root = await mkdtemp(join(await spaciousMemory(), 'plan-tiers-'));
  try {
    const words = ['sh', '-euc', PROGRAM, 'sh', root, base, `${file}.tmp`, ...PACKAGES];
    await promisify(execFile)('unshare', ['--mount', ...words], { maxBuffer: 2 ** 26 });
    await rename(`${file}.tmp`, file);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
