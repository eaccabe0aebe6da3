#!/usr/bin/env bash
# Makes sure that the program and everything else that a drill needs is installed. Runs no drill.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)

program=${DRILL_PROGRAM:-}
version=${DRILL_VERSION:-}
if [ -z "$program" ] && [ -n "$version" ]; then
    # A release, verified by its checksum: seconds instead of minutes.
    release=${GITHUB_SERVER_URL:-https://github.com}/${DRILL_REPOSITORY:-pulp-drill/pulp-drill}/releases/download/v$version
    archive=pulp-drill-$version-$(uname -m)-unknown-linux-gnu.tar.gz
    folder=${RUNNER_TEMP:-/tmp}/pulp-drill-$version
    mkdir -p "$folder"
    curl --silent --show-error --fail --location --remote-name --output-dir "$folder" "$release/$archive"
    curl --silent --show-error --fail --location --remote-name --output-dir "$folder" "$release/SHA256SUMS"
    (cd "$folder" && grep -F "  $archive" SHA256SUMS | sha256sum --check --quiet)
    tar --extract --file "$folder/$archive" --directory "$folder" --strip-components 1
    program=$folder/bin/pulp-drill
elif [ -z "$program" ]; then
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
