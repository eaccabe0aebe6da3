#!/usr/bin/env bash
# Makes sure that the program and everything else that a drill needs is installed. Runs no drill.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)

program=${DRILL_PROGRAM:-}
if [ -z "$program" ]; then
    (cd "$root" && cargo build --release --locked)
    program=$root/target/release/pulp-drill
fi
# A file from an artefact has lost its mode.
chmod +x "$program"
program=$(realpath "$program")
"$program" --version
echo "program=$program" >> "$GITHUB_OUTPUT"

[ -z "${DRILL_MERGE:-}" ] || exit 0
"$root/deploy/need.sh" postgresql
[ "${DRILL_OBJECTS:-}" != minio ] || "$root/deploy/minio.sh"
case ${DRILL_ENGINE:-} in
image:*) make -C "$root" minio-image ;;
esac
