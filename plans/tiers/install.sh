#!/bin/sh
# Installs those of the Debian packages in the arguments that are not there.
set -eu
export DEBIAN_FRONTEND=noninteractive
missing=
for package; do
  dpkg --status "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
apt-get -q update
# shellcheck disable=SC2086 # one word for each package
apt-get -qy --no-install-recommends install $missing
