#!/bin/sh
# Starts the application, in place of the one that runs.
set -eu
./install.sh libdbd-pg-perl
export PGUSER=visits PGDATABASE=visits PGCONNECT_TIMEOUT=5
start-stop-daemon --stop --oknodo --retry 5 --quiet --pidfile app.pid
start-stop-daemon --start --background --make-pidfile --pidfile app.pid --output "$PWD/app.log" --startas "$PWD/app.pl"
echo "port=$PORT" >>"$PLAN_OUTPUT"
