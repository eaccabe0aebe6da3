#!/bin/sh
# What common commands that verify backups detect: runs them on sound and damaged backups and writes the table
# of docs/detection.md. Takes the program, for example target/debug/pulp-drill. Commands whose programs are not
# installed are left out.
set -eu
drill=$(realpath "${1:-target/debug/pulp-drill}")
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

has() { command -v "$1" >/dev/null 2>&1 || { echo "left out: $1 is not installed" >&2; false; }; }
set -- \
    --command 'pg_restore --list=pg_restore --list "$DUMP" >/dev/null' \
    --command 'pg_restore to a file=pg_restore --file=/dev/null "$DUMP"' \
    --command 'sha256sum -c=sha256sum --check --quiet "$SHA256SUMS"' \
    --command 'pg_verifybackup=pg_verifybackup --quiet --no-parse-wal "$BASE_BACKUP"' \
    --command 'pg_amcheck=psql -qc "CREATE EXTENSION amcheck" "$DATABASE_URL" &&
        pg_amcheck --heapallindexed "$DATABASE_URL"; exit=$?
        psql -qc "DROP EXTENSION amcheck" "$DATABASE_URL"; exit $exit'
if has rclone; then
    set -- "$@" --command 'rclone check=export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_STORE_TYPE=s3 \
        RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_ENV_AUTH=true \
        RCLONE_CONFIG_STORE_ENDPOINT="$AWS_ENDPOINT_URL" RCLONE_CONFIG_STORE_REGION="$AWS_REGION"
        rclone check "store:$BUCKET" "store:$COPY"'
fi
if has aws; then
    set -- "$@" --command 'aws s3 sync --dryrun=export AWS_CONFIG_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
        left=$(aws s3 sync --dryrun --delete "s3://$BUCKET" "s3://$COPY") && [ -z "$left" ]'
fi
if has restic; then
    set -- "$@" --command 'restic check --read-data=export RESTIC_REPOSITORY="$BACKUP/repository" RESTIC_PASSWORD=x \
        RESTIC_CACHE_DIR="$BACKUP/cache"
        restic init -q && restic backup -q "$DUMP" "$ASSETS" && restic check -q --read-data'
fi
# Exit code 1 is the usual result: no command detects everything.
"$drill" prove-tool --report-dir "$work/reports" --format markdown "$@" >"$work/table" || [ $? -eq 1 ]
grep -q 'damage let pass' "$work/table"
awk -v table="$work/table" '
    /<!-- \/tools -->/ { within = 0 }
    !within
    /<!-- tools -->/ { within = 1; while ((getline line < table) > 0) print line }
' docs/detection.md >"$work/detection.md"
cp "$work/detection.md" docs/detection.md
