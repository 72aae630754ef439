#!/bin/sh
# Copies the list of tasks from the store, and hands it out.
set -eu

mkdir -p public
curl -fsS --retry 3 -o public/list "$STORE/list"
./serve.sh public 8080
