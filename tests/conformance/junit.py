"""Reads junit.xml of runs with two viewers that others wrote, and compares what they see with the run's
record and with each other.

junitparser is a package of the virtual environment that run.py makes. xunit-viewer needs npm, and is
installed below target/ without its scripts; where npm is not there, or has no registry to ask, that part is
skipped and says so. Makes no run itself. By hand, with the Python of the virtual environment:
python tests/conformance/junit.py reports/latest
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from junitparser import Error, Failure, JUnitXml, Skipped

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
VIEWER = "xunit-viewer@10.6.1"
WORDS = {Failure: "failure", Error: "error", Skipped: "skipped"}


def verdict_of(scenario: dict) -> str:
    return (scenario["judgement"] or {"verdict": "unknown"})["verdict"]


def ended(case) -> str:
    """How a case ended, in xunit-viewer's words."""
    words = [WORDS[type(result)] for result in case.result if type(result) in WORDS]
    assert len(words) <= 1, f"{case.name} ended in several ways: {words}"
    return words[0] if words else "passed"


def parsed(folder: pathlib.Path) -> collections.Counter:
    """The counts by junitparser, held against the file's own and the record."""
    record = json.loads((folder / "record.json").read_text())
    xml = JUnitXml.fromfile(str(folder / "junit.xml"))
    counts = collections.Counter()
    suites = {}
    for suite in xml:
        suites[suite.name] = suite
        own = collections.Counter(ended(case) for case in suite)
        assert sum(own.values()) == suite.tests, suite.name
        assert (own["failure"], own["error"], own["skipped"]) == (suite.failures, suite.errors, suite.skipped)
        counts += own
    assert (sum(counts.values()), counts["failure"], counts["error"]) == (xml.tests, xml.failures, xml.errors)
    wanted = {"pass": "passed", "fail": "failure", "unknown": "error"}
    for scenario in record["scenarios"]:
        suite = suites[scenario["id"]]
        (drill,) = list(suite)
        assert (drill.name, ended(drill)) == (scenario["id"], wanted[verdict_of(scenario)])
        assert {p.name: p.value for p in suite.properties()}["verdict"] == verdict_of(scenario)
    skipped = [scenario["id"] for scenario in record.get("skipped", [])]
    assert [case.name for case in suites.get("skipped", [])] == skipped
    return counts


def viewer() -> pathlib.Path | None:
    """xunit-viewer, or none and why."""
    npm = shutil.which("npm")
    if npm is None:
        print("conformance: skipped xunit-viewer, because npm is not installed")
        return None
    place = TARGET / "conformance-npm"
    program = place / "node_modules" / ".bin" / "xunit-viewer"
    stamp = place / "installed"
    if not stamp.is_file() or stamp.read_text() != VIEWER:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", VIEWER]
        done = subprocess.run(install, cwd=place, capture_output=True, text=True)
        if done.returncode != 0:
            print(f"conformance: skipped xunit-viewer, because npm can't install it: {done.stderr.strip()}")
            return None
        stamp.write_text(VIEWER)
    return program


def viewed(program: pathlib.Path, folder: pathlib.Path) -> collections.Counter:
    """The counts that xunit-viewer shows."""
    with tempfile.TemporaryDirectory() as place:
        command = [program, "--results", folder / "junit.xml", "--console", "--no-color"]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    (said,) = re.findall(r"(?m)^(\d+ (?:passed|failure|skipped|error)(?:, \d+ \w+)*)$", done.stdout)
    return collections.Counter({word: int(n) for n, word in re.findall(r"(\d+) (\w+)", said)})


def main() -> int:
    program = viewer()
    for folder in map(pathlib.Path, sys.argv[1:]):
        counts = parsed(folder)
        assert counts, f"{folder} has no case"
        if program is not None:
            shown = viewed(program, folder)
            assert +shown == +counts, f"xunit-viewer shows {shown}, junitparser {counts}"
        with_whom = "junitparser and xunit-viewer read" if program else "junitparser reads"
        print(f"conformance: {with_whom} junit.xml: {dict(counts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
