#!/bin/sh
# Has PostgreSQL listen on the network, and makes the database "visits" with its role. Run again, it changes nothing.
set -eu
umask 077
./install.sh postgresql

if ! [ -s password ]; then
  head -c 24 /dev/urandom | base64 | tr '+/' '-_' >password.new
  mv password.new password
fi
password=$(cat password)

# shellcheck disable=SC2046 # columns: version, cluster, port, status, …
set -- $(pg_lsclusters --no-header | head -n 1)
version=$1 cluster=$2 port=$3
config=/etc/postgresql/$version/$cluster
if ! grep -q '^host visits ' "$config/pg_hba.conf"; then
  echo 'host visits visits samenet scram-sha-256' >>"$config/pg_hba.conf"
  pg_conftool "$version" "$cluster" set listen_addresses '*'
  pg_ctlcluster "$version" "$cluster" stop 2>/dev/null || :
fi
pg_ctlcluster "$version" "$cluster" status >/dev/null || pg_ctlcluster "$version" "$cluster" start

# By standard input, because everybody on the machine sees arguments.
runuser -u postgres -- psql -qX -v ON_ERROR_STOP=1 -p "$port" <<SQL
SET log_min_error_statement = panic;
SELECT 'CREATE ROLE visits LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'visits') \gexec
ALTER ROLE visits PASSWORD '$password';
SELECT 'CREATE DATABASE visits OWNER visits'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'visits') \gexec
\connect visits
SET client_min_messages = warning;
SET ROLE visits;
CREATE TABLE IF NOT EXISTS visits (machine text PRIMARY KEY, count bigint NOT NULL);
SQL

printf 'port=%s\npassword=%s\n' "$port" "$password" >>"$PLAN_OUTPUT"
