#!/bin/sh
# Makes reports/sample anew: a scenario and its clean control on the stand-in engine, held against
# a budget and signed with a key that is made for it and thrown away. The signature shows what a signed
# run looks like; it vouches for nobody. Needs a built pulp-drill (its path is the first argument) and
# the right to name the machine, so that no real name gets into the sample.
set -eu
cd "$(dirname "$0")/.."
program=$1
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
mkdir "$temp/bin"
cp "$program" "$temp/bin/pulp-drill"
printf 'rto: 15m\n' >"$temp/budgets.yaml"
"$program" keys new "$temp/key" --comment 'sample: vouches for nobody' >/dev/null
# Root may name the machine of a namespace of its own; others need a namespace of users, too. PostgreSQL
# does not run as root, and who is root in there only is taken for root.
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
