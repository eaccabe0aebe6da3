#!/bin/sh
# Migrates the schema of the photo archive. The variables of libpq name the database. Arguments are further
# files of this folder.
set -eu
cd "$(dirname "$0")"
for file in schema.sql "$@"; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file "$file"
done
