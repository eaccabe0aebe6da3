#!/bin/sh
# Rows by pg_dump, binaries by `aws s3 sync` into a dated prefix of the backup bucket and back
# (runbook 2.2, 3.2).
#   awscli.sh back-up      awscli.sh restore
set -eu
here=$(dirname "$0")
case $1 in
back-up)
    stamp=$(date -u +%Y%m%dT%H%M%SZ)
    "$here/rows.sh" dump "$BACKUP_DIR/pulp-engine-$stamp.dump"
    aws s3 sync --only-show-errors "s3://$S3_BUCKET" "s3://$BACKUP_BUCKET/assets-$stamp/"
    # Written last, so that an incomplete backup is never used.
    echo "$stamp" >"$BACKUP_DIR/latest"
    ;;
restore)
    stamp=$(cat "$BACKUP_DIR/latest")
    aws s3 sync --only-show-errors "s3://$BACKUP_BUCKET/assets-$stamp/" "s3://$S3_BUCKET"
    "$here/rows.sh" restore "$BACKUP_DIR/pulp-engine-$stamp.dump"
    ;;
*)
    echo "awscli.sh: back-up or restore, not $1" >&2
    exit 2
    ;;
esac
