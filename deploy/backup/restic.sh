#!/bin/sh
# Rows and binaries as one snapshot in an encrypted restic repository: a dump and a copy of the
# bucket, made with rclone. An object's headers are stored as extended attributes of its file, which
# the file system of WORK_DIR must support (most do; tmpfs only since Linux 6.6).
#   restic.sh prepare      restic.sh back-up      restic.sh restore
set -eu
here=$(dirname "$0")
export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENV_AUTH=true
export RCLONE_CONFIG_STORE_ENDPOINT="$AWS_ENDPOINT_URL" RCLONE_CONFIG_STORE_REGION="$AWS_REGION"
export RCLONE_CONFIG="$WORK_DIR/rclone.conf"
export RESTIC_REPOSITORY="$BACKUP_DIR/restic" RESTIC_PASSWORD_FILE="$WORK_DIR/restic-password"
export RESTIC_CACHE_DIR="$WORK_DIR/restic-cache"
staging=$WORK_DIR/staging
case $1 in
prepare)
    # In production, keep the password away from the repository, in a place that the disaster does not reach.
    (umask 077 && head -c 32 /dev/urandom | base64 >"$RESTIC_PASSWORD_FILE")
    restic init --quiet
    ;;
back-up)
    rm -rf "$staging" && mkdir -p "$staging/objects"
    "$here/rows.sh" dump "$staging/pulp-engine.dump"
    rclone sync --metadata --checksum "store:$S3_BUCKET" "$staging/objects"
    (cd "$staging" && restic backup --quiet .)
    restic check --quiet --read-data
    ;;
restore)
    rm -rf "$staging" && mkdir -p "$staging"
    restic restore --quiet --target "$staging" latest
    rclone sync --metadata --checksum "$staging/objects" "store:$S3_BUCKET"
    "$here/rows.sh" restore "$staging/pulp-engine.dump"
    ;;
*)
    echo "restic.sh: prepare, back-up or restore, not $1" >&2
    exit 2
    ;;
esac
