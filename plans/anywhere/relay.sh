#!/bin/sh
# Starts something that stays, as a service of the host would, and issues a ticket. It needs nothing but a shell.
set -eu
while read -r name address _; do
  echo "$PLAN_MACHINE knows $name at $address"
done <stores.conf
[ ! -f heart.pid ] || kill "$(cat heart.pid)" 2>/dev/null || :
nohup sh -c 'while :; do date >beat; sleep 1; done' >/dev/null 2>&1 &
echo "$!" >heart.pid
[ -s ticket ] || head -c 30 /dev/urandom | cksum | tr -d ' ' >ticket
printf 'slot=%s\nticket=%s\n' "$PLAN_HOSTNAME#$PLAN_INDEX" "$(cat ticket)" >>"$PLAN_OUTPUT"
