/** Where a machine keeps when it ends, and the program that sees to it. */
const DIRECTORY = '/var/lib/launch-plan';

/**
 * A program for `sh`, to be run by root, that has a machine shut itself down when its time is over, also after a reboot
 * that nobody told us of; it says so on stderr when the machine cannot. `end`: epoch milliseconds; null: never.
 * `isFirst`: it says nothing where the machine was told before.
 */
export function expiryProgram({
  end,
  isFirst,
}: {
  readonly end: number | null;
  readonly isFirst: boolean;
}): string {
  return `#!/bin/sh
umask 022
cd / && mkdir -p ${DIRECTORY} || exit 1
${isFirst ? `[ ! -e ${DIRECTORY}/end ] || exit 0\n` : ''}echo ${end === null ? 'never' : Math.ceil(end / 1_000)} >${DIRECTORY}/end.new
cat >${DIRECTORY}/expire.new <<'EOF'
${EXPIRE}EOF
chmod 755 ${DIRECTORY}/expire.new
mv ${DIRECTORY}/expire.new ${DIRECTORY}/expire && mv ${DIRECTORY}/end.new ${DIRECTORY}/end || exit 1
${AT_BOOT}exec ${DIRECTORY}/expire
`;
}

/** Sets the timer anew. Over a minute at least, so that whoever comes in time can give the machine more. */
const EXPIRE = `#!/bin/sh
# Shuts this machine down when the time of its deployment is over (epoch seconds in "end").
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
end=$(cat ${DIRECTORY}/end) || exit 1
shutdown -c >/dev/null 2>&1
[ "$end" != never ] || exit 0
minutes=$(((end - $(date +%s) + 59) / 60))
[ "$minutes" -ge 1 ] || minutes=1
exec shutdown -h "+$minutes" >/dev/null
`;

/** Has it run at every boot, by what the machine has: systemd, else cloud-init, else cron. */
const AT_BOOT = `if [ -d /run/systemd/system ]; then
  cat >/etc/systemd/system/launch-plan-expire.service <<'EOF'
[Unit]
Description=Shut down when the time of the deployment is over
[Service]
Type=oneshot
ExecStart=/bin/sh ${DIRECTORY}/expire
[Install]
WantedBy=multi-user.target
EOF
  systemctl daemon-reload && systemctl -q enable launch-plan-expire.service
elif [ -d /var/lib/cloud ]; then
  mkdir -p /var/lib/cloud/scripts/per-boot
  ln -sf ${DIRECTORY}/expire /var/lib/cloud/scripts/per-boot/launch-plan-expire
elif [ -d /etc/cron.d ]; then
  echo '@reboot root ${DIRECTORY}/expire' >/etc/cron.d/launch-plan-expire
fi
`;

/** The same for a user who is root, or may become root without a password. */
export function expiryCommand(end: number | null): string {
  return `if [ "$(id -u)" = 0 ]; then set -- sh; else set -- sudo -n sh; fi; "$@" -c ${quoted(expiryProgram({ end, isFirst: false }))}`;
}

/** As `expiryCommand(null)` where the machine was told of an end before, else nothing. */
export function endlessCommand(): string {
  return `if [ -e ${DIRECTORY}/end ]; then ${expiryCommand(null)}; fi`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
