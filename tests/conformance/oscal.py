"""Reads the OSCAL file of a run with NIST's data model as compliance-trestle has it, and compares it with
the run's record and JUnit file.

Makes no run itself: it takes the folders of runs. Called by run.py; by hand, with the Python of the virtual
environment below target/: python tests/conformance/oscal.py reports/latest
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

from trestle.oscal.assessment_results import AssessmentResults

NC_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


def verdict_of(scenario: dict) -> str:
    return (scenario["judgement"] or {"verdict": "unknown"})["verdict"]


def everything(value, key: str):
    """All values of a key, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from everything(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from everything(inner, key)


def conforms(folder: pathlib.Path) -> None:
    path = folder / "oscal-assessment-results.json"
    read = AssessmentResults.oscal_read(path)
    assert read is not None, f"{path} was not read"
    raw = json.loads(path.read_text())
    record = json.loads((folder / "record.json").read_text())
    (result,) = read.results

    # The same counts as in the record and in JUnit.
    props = {o.title: {p.name: p.value for p in o.props} for o in result.observations}
    assert len(props) == len(result.observations) == len(record["scenarios"])
    for scenario in record["scenarios"]:
        own = props[scenario["id"]]
        assert own["verdict"] == verdict_of(scenario), scenario["id"]
        assert int(own["checks"]) == len(scenario["checks"])
        assert int(own["findings"]) == len(scenario["findings"])
    suites = {s.get("name"): s for s in xml.parse(folder / "junit.xml").getroot() if s.get("name") != "run"}
    # What was not run was not observed: it is a test case of a suite of its own.
    skipped = {s["id"]: s for s in record.get("skipped", [])}
    not_run = suites.pop("skipped", None)
    assert {case.get("name") for case in (not_run if not_run is not None else []) if case.tag == "testcase"} == set(skipped)
    assert set(suites) == set(props)
    for name, suite in suites.items():
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        assert (bad == 0) == (props[name]["verdict"] == "pass"), name

    # A control is satisfied only where every scenario that names it passed.
    started = [s["started"] for s in record["scenarios"] if s["started"]]
    named = {c for s in started + [*skipped.values()] for c in s.get("controls", [])}
    findings = result.findings or []
    assert len(findings) == len(named)
    for finding in findings:
        observed = {r.observation_uuid for r in finding.related_observations or []}
        verdicts = {props[o.title]["verdict"] for o in result.observations if o.uuid in observed}
        state = finding.target.status.state
        state = getattr(state, "value", state)
        assert state == "not-satisfied" or verdicts == {"pass"}, finding.title
        left_out = [i for i, s in skipped.items() for c in s.get("controls", []) if finding.title.startswith(f"{c} (")]
        assert state == "not-satisfied" or not left_out, f"{finding.title} without {left_out}"
        assert state == "satisfied" or finding.target.status.remarks, finding.title

    # Links lead somewhere, and digests are those of the files.
    uuids = list(everything(raw, "uuid"))
    assert len(uuids) == len(set(uuids)), "a UUID stands for two things"
    resources = {r["uuid"]: r for r in raw["assessment-results"]["back-matter"]["resources"]}
    for href in everything(raw, "href"):
        assert href.removeprefix("#") in resources or href.startswith("./"), href
    for resource in resources.values():
        for link in resource["rlinks"]:
            content = (folder / link["href"]).read_bytes()
            (digest,) = link["hashes"]
            assert hashlib.sha256(content).hexdigest() == digest["value"], link["href"]
    for prop in (p for props in everything(raw, "props") for p in props):
        assert NC_NAME.fullmatch(prop["name"]), prop
        assert prop["value"].strip() == prop["value"] != "" and "\n" not in prop["value"], prop


def main(folders: list[str]) -> int:
    for folder in folders:
        conforms(pathlib.Path(folder))
        print(f"conformance: OSCAL of {folder} held")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
