#!/bin/sh
# Dumps and restores the rows of $PGDATABASE, as in the runbook (2.1, 3.3).
#   rows.sh dump FILE      rows.sh restore FILE
set -eu
case $1 in
dump)
    pg_dump --format=custom --no-owner --no-privileges --file="$2"
    ;;
restore)
    psql --no-psqlrc --quiet --dbname=postgres --set=ON_ERROR_STOP=1 \
        --set=name="$PGDATABASE" --set=owner="$PGUSER" <<'SQL'
DROP DATABASE IF EXISTS :"name" WITH (FORCE);
CREATE DATABASE :"name" OWNER :"owner";
SQL
    pg_restore --dbname="$PGDATABASE" --no-owner --no-privileges --exit-on-error "$2"
    ;;
*)
    echo "rows.sh: dump or restore, not $1" >&2
    exit 2
    ;;
esac
