#!/bin/sh
# Brings the photo archive's schema forward; libpq's own variables say where the database is.
set -eu
exec psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --file "$(dirname "$0")/schema.sql"
