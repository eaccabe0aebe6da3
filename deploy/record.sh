#!/bin/sh
# One scheduled drill, from start to ledger: runs it, packs its evidence, adds it to the ledger, writes
# metrics, and ends with the drill's exit code, or with 1 where the last proven restore is too old.
#
#   REPORTS=/reports BUDGETS=/etc/pulp-drill/budgets.yaml deploy/record.sh [OPTIONS OF pulp-drill run]
#
# LEDGER=s3://BUCKET/FOLDER/ keeps the ledger in a bucket, with keys in LEDGER_AWS_….
#
# A drill that failed is recorded like one that passed.
set -eu
reports=${REPORTS:-/reports}
ledger=${LEDGER:-$reports}
budgets=${BUDGETS:?name the file with the budgets}

latest() { if [ -e "$reports/latest" ]; then realpath "$reports/latest"; fi; }

before=$(latest)
drill=0
pulp-drill run --report-dir "$reports" --budgets "$budgets" "$@" || drill=$?
run=$(latest)

trouble=0
if [ "$run" != "$before" ]; then
    pulp-drill evidence bundle "$run" --out "$run.tar" || trouble=3
    pulp-drill history add "$run" --ledger "$ledger" || trouble=3
else
    # Nothing was stored, so nothing was shown, whatever the code was.
    trouble=3
fi

# Whole or not at all: a collector may read it at any time.
if pulp-drill history show --ledger "$ledger" --format openmetrics > "$reports/.pulp-drill.prom"; then
    mv "$reports/.pulp-drill.prom" "$reports/pulp-drill.prom"
else
    trouble=3
fi
gap=0
pulp-drill history show --ledger "$ledger" --budgets "$budgets" || gap=$?

for code in "$drill" "$trouble" "$gap"; do
    [ "$code" -eq 0 ] || exit "$code"
done
