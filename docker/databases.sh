#!/bin/bash
# Runs once, when PostgreSQL's data is new: a database and a role for each service whose password is there. Nobody
# else may connect to it.
set -euo pipefail

secrets=${WEFT_SECRETS:-/run/weft}

psql -q -v ON_ERROR_STOP=1 <<'SQL'
REVOKE ALL ON DATABASE postgres FROM PUBLIC;
REVOKE ALL ON DATABASE template1 FROM PUBLIC;
SQL

for file in "$secrets"/*_svc.password; do
  ROLE=$(basename "$file" .password) PASSWORD=$(cat "$file") psql -q -v ON_ERROR_STOP=1 <<'SQL'
\getenv role ROLE
\getenv password PASSWORD
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
