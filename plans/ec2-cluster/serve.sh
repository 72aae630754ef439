#!/bin/sh
# Serves a directory in the background, again when it is started again. Usage: serve.sh DIRECTORY PORT.
set -eu

if [ -f server.pid ]; then
  kill "$(cat server.pid)" 2>/dev/null || :
fi
nohup python3 -m http.server "$2" --bind "$PLAN_HOSTNAME" --directory "$1" >server.log 2>&1 &
echo $! >server.pid
echo "$PLAN_MACHINE serves $1 on $PLAN_HOSTNAME:$2"
