"""Reads OpenMetrics from standard input with Prometheus's own parser, and holds two samples against what
is expected: the runs in the ledger, and that the exposition names a proven restore."""

from __future__ import annotations

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

EXPECTED = {"pass": 1.0, "unknown": 0.0, "fail": 1.0}


def main() -> int:
    families = {family.name: family for family in text_string_to_metric_families(sys.stdin.read())}
    runs = {sample.labels["verdict"]: sample.value for sample in families["pulp_drill_runs"].samples}
    assert runs == EXPECTED, runs
    (proven,) = families["pulp_drill_last_proven_restore_seconds"].samples
    assert proven.value > 1.7e9, proven
    print(f"conformance: OpenMetrics held, {len(families)} families")
    return 0


if __name__ == "__main__":
    sys.exit(main())
