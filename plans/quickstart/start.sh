#!/bin/sh
# Starts a Node program of this machine in the background, waits until it listens, and reports its port.
# Usage: start.sh PROGRAM. The program writes the port that it was given into the file `port`.
set -eu

if [ -f server.pid ]; then
  kill "$(cat server.pid)" 2>/dev/null || :
fi
rm -f port
nohup node "$1" >server.log 2>&1 &
echo $! >server.pid

tries=0
until [ -s port ]; do
  tries=$((tries + 1))
  if [ "$tries" -gt 200 ] || ! kill -0 "$(cat server.pid)" 2>/dev/null; then
    echo "$1 does not listen:"
    cat server.log
    exit 1
  fi
  sleep 0.05
done
echo "$1 listens on $PLAN_HOSTNAME:$(cat port)"
echo "port=$(cat port)" >>"$PLAN_OUTPUT"
