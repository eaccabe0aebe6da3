"""Verifies a run's folder without pulp-drill: a second reading of docs/evidence.md in another language.

    python3 verify.py RUN_DIR [signer.pub that came another way]

Prints what is wrong, one line each, and exits 1; or exits 0. It renders no report again: that a report
is the one that was attested is held, that it says what the journal says is not. It has no list of the
events' kinds and fields either, and takes one that no run writes.
Needs Python 3.9 and the package `cryptography`.
"""

import base64
import hashlib
import json
import pathlib
import re
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OWN = {"events.jsonl.sha256", "attestation.dsse.json"}
SIGNED = {"events.jsonl.sig", "signer.pub"}
TYPE = "application/vnd.in-toto+json"
STATEMENT = ("https://in-toto.io/Statement/v1", "https://in-toto.io/attestation/test-result/v0.1")
# The reports that docs/evidence.md lists.
EVIDENCE = (pathlib.Path(__file__).parents[3] / "docs/evidence.md").read_text()
TABLE = re.search(r"<!-- reports -->\n(.*?)<!-- /reports -->", EVIDENCE, re.S)
REPORTS = set(re.findall(r"^\| `([^`]+)` \|", TABLE[1], re.M))
YEAR = re.compile(r"[0-9]{4}-")
NUMBER = re.compile(r"-?[0-9][0-9.eE+-]*")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def base64_of(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("another spelling of base64")
    return data


def refuse(constant: str):
    raise ValueError(f"{constant} is not JSON")


def read_json(data: bytes):
    """One line of JSON in the only spelling that a run writes; numbers may be spelled in other ways."""
    text = data.decode()
    value = json.loads(text, parse_constant=refuse)
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if NUMBER.sub("0", written) != NUMBER.sub("0", text):
        raise ValueError("another spelling of JSON")
    return value


def field(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def wrong(folder: pathlib.Path, trusted: str | None):
    """Yields everything that is wrong."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or (path.is_dir() and any(path.iterdir()))):
            yield f"{name}: no plain file"
        elif path.is_file():
            files[name] = path.read_bytes()
    text = files.get("events.jsonl", b"")
    if files.get("events.jsonl.sha256") != f"{sha256(text)}  events.jsonl\n".encode():
        yield "events.jsonl: not what its seal says"
    before, events = "0" * 64, []
    for number, line in enumerate(text.split(b"\n")[:-1]):
        try:
            entry = read_json(line)
            chained = entry["prev"] == before and entry["seq"] == number and type(entry["seq"]) is int
            chained = chained and YEAR.match(entry["at"])
            kind = entry["event"]["type"]
        except (ValueError, KeyError, TypeError, RecursionError):
            chained = False
        if not chained:
            yield f"events.jsonl: line {number + 1} does not follow the line before it"
            return
        if (kind == "run-started") != (number == 0):
            yield f"events.jsonl: line {number + 1}: a run begins at the first line and once"
            return
        before = sha256(line)
        events.append(entry)
    ends = [number for number, e in enumerate(events) if e["event"]["type"] == "run-finished"]
    if not text.endswith(b"\n") or ends != [len(events) - 1]:
        yield "events.jsonl: it has no end, or more than one"
        return
    kept = {e["path"]: e["sha256"] for e in (e["event"] for e in events) if e["type"] == "artefact-stored"}
    for name, digest in kept.items():
        if name not in files or sha256(files[name]) != digest:
            yield f"{name}: missing, or not what the journal kept"

    try:
        envelope = json.loads(files["attestation.dsse.json"])
        payload = base64_of(envelope["payload"])
        statement = read_json(payload)
        subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
        types = (statement["_type"], statement["predicateType"])
        predicate = statement["predicate"]
        passed, warned, failed = (predicate[f"{name}Tests"] for name in ("passed", "warned", "failed"))
        one_spelling = json.dumps(envelope, indent=2) + "\n" == files["attestation.dsse.json"].decode()
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        yield f"attestation.dsse.json: {error!r}"
        return
    if not one_spelling or envelope["payloadType"] != TYPE or set(envelope) != {"payload", "payloadType", "signatures"}:
        yield "attestation.dsse.json: not an envelope as a run writes it"
    for name, digest in subjects.items():
        if name not in files or sha256(files[name]) != digest:
            yield f"{name}: missing, or not what was attested"
    for name in ({"events.jsonl"} | REPORTS | set(kept)) - set(subjects):
        yield f"{name}: not attested"
    if types != STATEMENT or len(subjects) != len(statement["subject"]):
        yield "attestation.dsse.json: not a statement as a run writes it"
    judged = {e["scenario"]: e["event"]["judgement"] for e in events if e["event"]["type"] == "scenario-finished"}
    scenarios = {"pass": [], "warned": [], "other": []}
    for name in events[0]["event"]["scenarios"]:
        judgement = judged.get(name, {"verdict": "unknown", "roles": []})
        warns = any(role["role"] == "warning" for role in judgement["roles"])
        word = "other" if judgement["verdict"] != "pass" else "warned" if warns else "pass"
        scenarios[word].append(name)
    end = events[-1]["event"]
    held = end["verdict"] == "pass" and end["exit"] == 0 and end.get("cut_short") is None
    others = scenarios["other"] or ([] if held else ["run"])
    if (passed, warned, failed) != (scenarios["pass"], scenarios["warned"], others):
        yield "attestation.dsse.json: other scenarios passed than the journal says"
    if predicate["result"] != ("FAILED" if others else "WARNED" if warned else "PASSED"):
        yield "attestation.dsse.json: another result than the journal's"

    signer = events[0]["event"]["config"].get("signing key", "none")
    for name in files.keys() - subjects.keys() - OWN - (SIGNED if signer != "none" else set()):
        yield f"{name}: it was added"
    if signer == "none":
        if envelope["signatures"] or trusted:
            yield "attestation.dsse.json: the run is not signed"
        return
    yield from signatures(files, envelope, payload, signer, trusted)


def signatures(files: dict, envelope: dict, payload: bytes, signer: str, trusted: str | None):
    """Yields what is wrong with the signatures."""
    try:
        line = files["signer.pub"].decode()
        words = line.rstrip("\n").split(" ")
        blob = base64.b64decode(words[1], validate=True)
        fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        if fingerprint != signer:
            raise ValueError("not the key that the journal names")
        if line != f"ssh-ed25519 {base64.b64encode(blob).decode()}\n" or len(blob) != 51:
            raise ValueError("not an ed25519 key as a run writes it")
        if trusted and trusted.split()[:2] != words:
            raise ValueError("not the key that was asked for")
    except (ValueError, KeyError, IndexError) as error:
        yield f"signer.pub: {error!r}"
        return
    key = Ed25519PublicKey.from_public_bytes(blob[-32:])
    try:
        (one,) = envelope["signatures"]
        pre = b"DSSEv1 %d %b %d %b" % (len(TYPE), TYPE.encode(), len(payload), payload)
        if set(one) != {"keyid", "sig"} or one["keyid"] != fingerprint:
            raise ValueError("another key is named")
        key.verify(base64_of(one["sig"]), pre)
    except (ValueError, KeyError, TypeError, InvalidSignature) as error:
        yield f"attestation.dsse.json: {error!r}"
    try:
        lines = files["events.jsonl.sig"].decode().split("\n")
        raw = base64.b64decode("".join(lines[1:-2]), validate=True)
        head = b"SSHSIG" + struct.pack(">I", 1) + field(blob) + field(b"pulp-drill") + field(b"") + field(b"sha512")
        signature = raw[-64:]
        body = base64.b64encode(head + field(field(b"ssh-ed25519") + field(signature))).decode()
        wrapped = "\n".join(body[i : i + 70] for i in range(0, len(body), 70))
        if f"-----BEGIN SSH SIGNATURE-----\n{wrapped}\n-----END SSH SIGNATURE-----\n" != "\n".join(lines):
            raise ValueError("not a signature as a run writes it")
        digest = hashlib.sha512(files["events.jsonl"]).digest()
        key.verify(signature, b"SSHSIG" + field(b"pulp-drill") + field(b"") + field(b"sha512") + field(digest))
    except (ValueError, KeyError, InvalidSignature) as error:
        yield f"events.jsonl.sig: {error!r}"


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    trusted = pathlib.Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else None
    found = []
    try:
        found.extend(wrong(folder, trusted))
    except (KeyError, TypeError, AttributeError) as error:
        found.append(f"an event is not as a run writes it: {error!r}")
    # A name may hold anything, escape codes included.
    print("\n".join(ascii(said)[1:-1] for said in found) or "as it was written")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
