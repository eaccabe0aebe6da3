#!/bin/sh
# Migrates the schema of the photo archive. The variables of libpq name the database.
set -eu
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file "$(dirname "$0")/schema.sql"
