#!/bin/sh
# Usage: check.sh INDEX. Fails on the machine with that index.
set -eu
cat state
if [ "$PLAN_INDEX" = "$1" ]; then
  echo "the server on $PLAN_MACHINE answers 503 Service Unavailable"
  exit 1
fi
echo "the server on $PLAN_MACHINE answers 200 OK"
