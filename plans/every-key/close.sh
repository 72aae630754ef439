#!/bin/sh
# Usage: close.sh WHAT. Runs on a machine before it goes.
set -eu
echo "$1 on $PLAN_MACHINE closes${WHY:+, signed up at $WHY}"
if [ -f store.pid ]; then kill "$(cat store.pid)" 2>/dev/null || :; fi
