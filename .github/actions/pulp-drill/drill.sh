#!/usr/bin/env bash
# Runs drills, tests a backup or joins parts, as the environment sets (DRILL_*: the inputs in action.yml). Writes
# a summary of the run in Markdown and the outputs. Ends with 0 for every verdict; the output `exit` has the code.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
program=$DRILL_PROGRAM
reports=${DRILL_REPORT_DIR:-reports}

# A secret that is not set arrives as an empty variable, which is different from no variable.
for name in PULP_DRILL_SIGN_KEY DATABASE_URL S3_BUCKET S3_ENDPOINT S3_REGION S3_PATH_STYLE \
    S3_ACCESS_KEY_ID S3_SECRET_ACCESS_KEY ORIGIN_AWS_ACCESS_KEY_ID ORIGIN_AWS_SECRET_ACCESS_KEY \
    ORIGIN_AWS_SESSION_TOKEN ORIGIN_AWS_ENDPOINT_URL ORIGIN_AWS_REGION API_KEY_ADMIN API_KEY_RENDER API_KEY_PREVIEW API_KEY_EDITOR; do
    [ -n "${!name:-}" ] || unset "$name"
done

options=()
# NAME=VALUE as one argument, so that a value that begins with a dash is not taken for an option.
option() { [ -z "${2:-}" ] || options+=("$1=$2"); }

drill() {
    option --engine "${DRILL_ENGINE:-}"
    case ${DRILL_ENGINE:-} in
    image:*) option --substrate containers ;;
    esac
    option --fixtures "${DRILL_FIXTURES:-$root/fixtures}"
    option --filter "${DRILL_FILTER:-}"
    option --partition "${DRILL_PARTITION:-}"
    option --budgets "${DRILL_BUDGETS:-}"
    option --profile "${DRILL_PROFILE:-}"
    option --golden "${DRILL_GOLDEN:-}"
    option --objects "${DRILL_OBJECTS:-}"
    option --i-understand-this-destroys "${DRILL_DESTROYS:-}"
    "$program" run --report-dir="$reports" "${options[@]}" -- "${DRILL_SCENARIOS:-$root/scenarios}"
}

restore_test() {
    option --engine "${DRILL_ENGINE:-}"
    option --manifest "${DRILL_MANIFEST:-}"
    option --budgets "${DRILL_BUDGETS:-}"
    option --profile "${DRILL_PROFILE:-}"
    "$program" restore-test --report-dir="$reports" --dump="$DRILL_DUMP" --assets="${DRILL_ASSETS:-}" \
        "${options[@]}"
}

merge() {
    shopt -s nullglob
    local parts=("$DRILL_MERGE"/*/)
    if [ ${#parts[@]} -eq 0 ]; then
        echo 'no part stored a run: unknown' >&2
        return 3
    fi
    "$program" report merge --out="$reports" -- "${parts[@]}"
}

latest() { [ ! -e "$reports/latest" ] || realpath "$reports/latest"; }

before=$(latest)
# The runner must not take the engine's output for commands.
token=$(cat /proc/sys/kernel/random/uuid)
echo "::stop-commands::$token"
exit=0
if [ -n "${DRILL_MERGE:-}" ]; then
    merge || exit=$?
elif [ -n "${DRILL_DUMP:-}" ]; then
    restore_test || exit=$?
else
    drill || exit=$?
fi

run=$(latest)
[ "$run" != "$before" ] || run=
bundle=
if [ -n "$run" ] && [ -z "${DRILL_MERGE:-}" ]; then
    bundle=$run.tar
    "$program" evidence bundle "$run" --out "$bundle" || {
        bundle=
        [ "$exit" -ne 0 ] || exit=3
    }
fi
# Without a stored run nothing is proven.
[ -n "$run" ] || [ "$exit" -ne 0 ] || exit=3
echo "::$token::"

case $exit in
0) verdict=pass ;;
1) verdict=fail ;;
*) verdict=unknown ;;
esac
{
    echo "exit=$exit"
    echo "verdict=$verdict"
    echo "run-dir=$run"
    echo "bundle=$bundle"
} >> "$GITHUB_OUTPUT"

if [ -n "$run" ] && [ -f "$run/record.json" ]; then
    jq -r --arg verdict "$verdict" --arg part "${DRILL_PARTITION:-}" -f "$here/summary.jq" \
        "$run/record.json" >> "$GITHUB_STEP_SUMMARY"
else
    printf '## pulp-drill: unknown\n\nNo run was stored (exit code %d): see the log.\n' "$exit" \
        >> "$GITHUB_STEP_SUMMARY"
fi
