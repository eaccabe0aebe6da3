#!/bin/sh
# Creates and migrates Pulp's tables; a fresh database gets an administrator.
set -eu
pulpcore-manager migrate --verbosity 0
[ "$(psql --no-psqlrc --tuples-only --no-align --command 'SELECT count(*) FROM core_user')" != 0 ] \
    || pulpcore-manager reset-admin-password --password only-for-drills
