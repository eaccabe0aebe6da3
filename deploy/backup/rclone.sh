#!/bin/sh
# Rows by pg_dump, binaries by `rclone sync` into a dated prefix of the backup bucket and back.
#   rclone.sh back-up      rclone.sh restore
set -eu
here=$(dirname "$0")
# A remote without a configuration file: keys come from AWS_ACCESS_KEY_ID and similar variables.
export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENV_AUTH=true
export RCLONE_CONFIG_STORE_ENDPOINT="$AWS_ENDPOINT_URL" RCLONE_CONFIG_STORE_REGION="$AWS_REGION"
export RCLONE_CONFIG="$WORK_DIR/rclone.conf"
# Compares contents, not sizes and times: a change that keeps the size must not be skipped.
set -- "$1" --checksum
case $1 in
back-up)
    stamp=$(date -u +%Y%m%dT%H%M%SZ)
    "$here/rows.sh" dump "$BACKUP_DIR/pulp-engine-$stamp.dump"
    rclone sync "$2" "store:$S3_BUCKET" "store:$BACKUP_BUCKET/assets-$stamp"
    echo "$stamp" >"$BACKUP_DIR/latest"
    ;;
restore)
    stamp=$(cat "$BACKUP_DIR/latest")
    rclone sync "$2" "store:$BACKUP_BUCKET/assets-$stamp" "store:$S3_BUCKET"
    "$here/rows.sh" restore "$BACKUP_DIR/pulp-engine-$stamp.dump"
    ;;
*)
    echo "rclone.sh: back-up or restore, not $1" >&2
    exit 2
    ;;
esac
