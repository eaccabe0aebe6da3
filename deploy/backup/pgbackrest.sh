#!/bin/sh
# Rows by pgBackRest (base backup and archived WAL; the tool works on the server's files), binaries by
# `aws s3 sync`. pgBackRest runs as the server's user, as in production.
#   pgbackrest.sh prepare      pgbackrest.sh back-up      pgbackrest.sh restore
set -eu
conf=$BACKUP_DIR/pgbackrest.conf

as_server() {
    if [ -n "$PG_OS_USER" ]; then
        # The working folder must be one that this user may enter.
        (cd / && setpriv --reuid "$PG_OS_USER" --regid "$(id -g "$PG_OS_USER")" --clear-groups -- "$@")
    else
        "$@"
    fi
}
pgbackrest_do() { as_server pgbackrest --config="$conf" --stanza=drill "$@"; }
sql() { psql --no-psqlrc --quiet --dbname=postgres --set=ON_ERROR_STOP=1 --tuples-only --command="$1"; }

case $1 in
prepare)
    mkdir -p "$BACKUP_DIR/pgbackrest" "$WORK_DIR/log" "$WORK_DIR/lock" "$WORK_DIR/spool"
    cat >"$conf" <<CONF
[global]
repo1-path=$BACKUP_DIR/pgbackrest
log-path=$WORK_DIR/log
lock-path=$WORK_DIR/lock
spool-path=$WORK_DIR/spool
log-level-console=warn
start-fast=y
compress-type=gz

[drill]
pg1-path=$PGDATA
pg1-port=$PGPORT
pg1-socket-path=$(sql 'show unix_socket_directories' | tr -d ' ')
pg1-user=$PGUSER
CONF
    if [ -n "$PG_OS_USER" ]; then
        chown -R "$PG_OS_USER" "$BACKUP_DIR" "$WORK_DIR"
    fi
    sql "ALTER SYSTEM SET archive_command = 'pgbackrest --config=$conf --stanza=drill archive-push %p'"
    sql 'SELECT pg_reload_conf()' >/dev/null
    pgbackrest_do stanza-create
    pgbackrest_do check
    ;;
back-up)
    pgbackrest_do --type=full backup
    aws s3 sync --only-show-errors "s3://$S3_BUCKET" "s3://$BACKUP_BUCKET/assets/"
    ;;
restore)
    aws s3 sync --only-show-errors "s3://$BACKUP_BUCKET/assets/" "s3://$S3_BUCKET"
    # Recovers to the end of the backup. The restored server must not archive into the source's repository.
    pgbackrest_do --pg1-path="$PGDATA" --type=immediate --target-action=promote --archive-mode=off restore
    ;;
*)
    echo "pgbackrest.sh: prepare, back-up or restore, not $1" >&2
    exit 2
    ;;
esac
