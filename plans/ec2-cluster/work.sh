#!/bin/sh
# Takes a task from the first gateway that answers, and reports it.
set -eu

for gateway in $GATEWAYS; do
  if curl -fsS -o list "http://$gateway:8080/list"; then
    tasks=$(wc -l <list)
    sed -n "$((PLAN_INDEX % tasks + 1))p" list >task
    echo "$PLAN_MACHINE works on $(cat task), from $gateway"
    echo "task=$(cat task)" >>"$PLAN_OUTPUT"
    exit 0
  fi
done
echo "No gateway answers: $GATEWAYS"
exit 1
