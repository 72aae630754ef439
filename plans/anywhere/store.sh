#!/bin/sh
# Gives this store a note to keep, and invents the password that its web server asks for from then on.
set -eu
[ -s password ] || head -c 30 /dev/urandom | md5sum | cut -c 1-24 >password
printf '/private:plan:%s\n' "$(cat password)" >/etc/httpd.conf
mkdir -p /srv/store/private
echo "kept by $PLAN_MACHINE" >/srv/store/private/note
echo fine >/srv/store/health
killall -HUP httpd
printf 'port=80\npassword=%s\n' "$(cat password)" >>"$PLAN_OUTPUT"
