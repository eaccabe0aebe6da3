"""Holds the evidence of a signed run against verifiers that others wrote.

Runs one scenario with a fresh key, and lets securesystemslib verify the DSSE envelope and
in-toto-attestation read the statement and its test-result predicate; then does both with changed
envelopes, which must be refused. The packages are installed into a virtual environment below target/.
Needs a built pulp-drill, PostgreSQL, and Python 3.9 or newer with venv.
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from packages import ROOT, TARGET, environment

PROGRAM = TARGET / "debug" / "pulp-drill"


def look(folder: pathlib.Path) -> None:
    """Verifies the run in a folder; runs in the virtual environment."""
    from google.protobuf import json_format
    from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    envelope = json.loads((folder / "attestation.dsse.json").read_text())
    blob = subprocess.run(["base64", "-d"], input=(folder / "signer.pub").read_text().split()[1].encode(), capture_output=True, check=True).stdout
    keyid = envelope["signatures"][0]["keyid"]
    key = SSlibKey(keyid, "ed25519", "ed25519", {"public": blob[-32:].hex()})
    Envelope.from_dict(json.loads(json.dumps(envelope))).verify([key], 1)
    print("conformance: securesystemslib verifies the envelope")

    refused = 0
    for name, change in {
        "payload": lambda e: e.update(payload=e["payload"][:-8] + "AAAA" + e["payload"][-4:]),
        "type": lambda e: e.update(payloadType="text/plain"),
        "none": lambda e: e.update(signatures=[]),
    }.items():
        changed = json.loads(json.dumps(envelope))
        change(changed)
        try:
            Envelope.from_dict(changed).verify([key], 1)
        except VerificationError:
            refused += 1
        else:
            sys.exit(f"conformance: securesystemslib took a changed envelope ({name})")
    print(f"conformance: securesystemslib refuses {refused} changed ones")

    payload = json.loads(Envelope.from_dict(envelope).payload)
    read = json_format.ParseDict(payload, statement_pb2.Statement())
    Statement.copy_from_pb(read).validate()
    # Fields that the predicate does not have are refused.
    predicate = json_format.ParseDict(payload["predicate"], test_result_pb2.TestResult())
    assert predicate.configuration, "the predicate has no configuration"
    for file in predicate.configuration:
        ResourceDescriptor.copy_from_pb(file).validate()
    assert payload["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1", payload["predicateType"]
    assert predicate.result in ("PASSED", "WARNED"), predicate.result
    assert {s.name for s in read.subject} >= {"events.jsonl", "record.json", "junit.xml"}, read.subject
    assert set(predicate.passed_tests) | set(predicate.warned_tests) == {"binary-missing", "baseline-invoices"}, predicate
    print("conformance: in-toto-attestation takes statement and predicate")


def main() -> int:
    if not PROGRAM.is_file():
        sys.exit(f"conformance: {PROGRAM} is missing; build it with: cargo build --locked")
    python = str(environment("conformance-evidence-venv", "evidence-requirements.txt") / "python")
    with tempfile.TemporaryDirectory(prefix="pulp-drill-conformance-") as temp:
        folder = pathlib.Path(temp)
        folder.chmod(0o711)
        key, reports = folder / "key", folder / "reports"
        env = {k: v for k, v in os.environ.items() if not k.startswith("PULP_DRILL_SIGN_KEY")}
        subprocess.run([PROGRAM, "keys", "new", key], check=True, stdout=subprocess.DEVNULL)
        run = [PROGRAM, "run", "scenarios/binary-missing.yaml", "--sign-key", key, "--report-dir", reports]
        done = subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"conformance: the run failed:\n{done.stderr}")
        own = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        looked = subprocess.run([python, __file__, reports / "latest"], env=own).returncode == 0
        script = [python, ROOT / "tests/report/evidence/verify.py", reports / "latest", f"{key}.pub"]
        looked &= subprocess.run(script, env=own).returncode == 0
    print("conformance of evidence: held" if looked else "conformance of evidence: FAILED", flush=True)
    return 0 if looked else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        look(pathlib.Path(sys.argv[1]))
    else:
        sys.exit(main())
