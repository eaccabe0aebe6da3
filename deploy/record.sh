#!/bin/sh
# One scheduled drill: runs it, packs its evidence, adds it to the ledger, and writes metrics. Ends with the
# drill's exit code, or with 1 if the last proven restore is too old.
#
#   REPORTS=/reports BUDGETS=/etc/pulp-drill/budgets.yaml deploy/record.sh [OPTIONS OF pulp-drill run]
#
# LEDGER=s3://BUCKET/FOLDER/ keeps the ledger in a bucket, with keys in LEDGER_AWS_….
#
# A failed drill is recorded like a passed one.
set -eu
reports=${REPORTS:-/reports}
ledger=${LEDGER:-$reports}
budgets=${BUDGETS:?name the file with the budgets}

latest() { if [ -e "$reports/latest" ]; then realpath "$reports/latest"; fi; }

before=$(latest)
drill=0
pulp-drill run --report-dir "$reports" --budgets "$budgets" "$@" || drill=$?
run=$(latest)

failed=0
if [ "$run" != "$before" ]; then
    pulp-drill evidence bundle "$run" --out "$run.tar" || failed=3
    pulp-drill history add "$run" --ledger "$ledger" || failed=3
else
    # Without a stored run nothing is proven, whatever the exit code was.
    failed=3
fi

# Replaced atomically, because a collector may read it at any time.
if pulp-drill history show --ledger "$ledger" --format openmetrics > "$reports/.pulp-drill.prom"; then
    mv "$reports/.pulp-drill.prom" "$reports/pulp-drill.prom"
else
    failed=3
fi
gap=0
pulp-drill history show --ledger "$ledger" --budgets "$budgets" || gap=$?

for code in "$drill" "$failed" "$gap"; do
    [ "$code" -eq 0 ] || exit "$code"
done
