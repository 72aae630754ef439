#!/bin/sh
# Starts nginx; one that runs goes on with the new configuration, and drops no connection.
set -eu
./install.sh nginx
rm -f /etc/nginx/sites-enabled/default
nginx -t -q
if start-stop-daemon --status --pidfile /run/nginx.pid --exec /usr/sbin/nginx; then
  nginx -s reload
  echo reloaded
else
  nginx
  echo started
fi
