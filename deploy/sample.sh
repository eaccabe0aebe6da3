#!/bin/sh
# Creates reports/sample again: a scenario and its baseline drill on the stand-in engine, compared with a
# budget and signed with a key that is created for it and then deleted. The signature shows what a signed run
# looks like and proves nothing about its origin. Needs a built pulp-drill (its path is the first argument) and
# the permission to set a host name, so that no real name gets into the sample.
set -eu
cd "$(dirname "$0")/.."
program=$1
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir "$temp/bin"
cp "$program" "$temp/bin/pulp-drill"
printf 'rto: 15m\n' >"$temp/budgets.yaml"
"$program" keys new "$temp/key" --comment 'sample: vouches for nobody' >/dev/null
# Root may set the host name in a new UTS namespace; other users would also need a user namespace. PostgreSQL
# does not run as root, and it treats the root of a user namespace as root.
[ "$(id -u)" = 0 ] || { echo 'sample.sh: run it as root' >&2; exit 3; }
unshare --uts sh -eu -c 'hostname sample; exec env -i "$@"' sh \
    PATH="$temp/bin:/usr/local/bin:/usr/bin:/bin" HOME="$temp" TMPDIR="${TMPDIR:-/tmp}" USER=sample LOGNAME=sample \
    PULP_DRILL_SIGN_KEY_FILE="$temp/key" \
    pulp-drill run scenarios/binary-missing.yaml \
    --seed 1 --jobs 2 --budgets "$temp/budgets.yaml" --report-dir "$temp/reports"
rm -rf reports/sample
mkdir reports/sample
cp -R "$temp/reports/latest/." reports/sample/
"$program" evidence verify reports/sample --require-signature
