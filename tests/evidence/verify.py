"""Verifies a run's folder without pulp-drill: a second reading of docs/evidence.md in another language.

    python3 verify.py RUN_DIR [signer.pub that came another way]

Prints what is wrong, one line each, and exits 1; or exits 0. It renders no report again: that a report
is the one that was attested is held, that it says what the journal says is not.
Needs Python 3.9 and the package `cryptography`.
"""

import base64
import hashlib
import json
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

OWN = {"events.jsonl.sha256", "attestation.dsse.json"}
SIGNED = {"events.jsonl.sig", "signer.pub"}
TYPE = "application/vnd.in-toto+json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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
            entry = json.loads(line)
            chained = entry["prev"] == before and entry["seq"] == number
        except (ValueError, KeyError, TypeError):
            chained = False
        if not chained:
            yield f"events.jsonl: line {number + 1} does not follow the line before it"
            return
        before = sha256(line)
        events.append(entry)
    if not text.endswith(b"\n") or not events or events[-1]["event"]["type"] != "run-finished":
        yield "events.jsonl: it has no end"
        return
    for entry in (e["event"] for e in events if e["event"]["type"] == "artefact-stored"):
        if sha256(files.get(entry["path"], b"")) != entry["sha256"]:
            yield f"{entry['path']}: missing, or not what the journal kept"

    try:
        envelope = json.loads(files["attestation.dsse.json"])
        payload = base64.b64decode(envelope["payload"], validate=True)
        statement = json.loads(payload)
        subjects = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
        predicate = statement["predicate"]
        one_spelling = json.dumps(envelope, indent=2) + "\n" == files["attestation.dsse.json"].decode()
    except (ValueError, KeyError, TypeError) as error:
        yield f"attestation.dsse.json: {error!r}"
        return
    if not one_spelling or envelope["payloadType"] != TYPE or set(envelope) != {"payload", "payloadType", "signatures"}:
        yield "attestation.dsse.json: not an envelope as a run writes it"
    for name, digest in subjects.items():
        if sha256(files.get(name, b"")) != digest:
            yield f"{name}: missing, or not what was attested"
    verdicts = {e["scenario"]: e["event"]["judgement"]["verdict"] for e in events if e["event"]["type"] == "scenario-finished"}
    passed = {name for name in events[0]["event"]["scenarios"] if verdicts.get(name) == "pass"}
    if set(predicate["passedTests"]) | set(predicate["warnedTests"]) != passed:
        yield "attestation.dsse.json: other scenarios passed than the journal says"
    end = events[-1]["event"]
    held = end["verdict"] == "pass" and end["exit"] == 0 and not predicate["failedTests"]
    if (predicate["result"] in ("PASSED", "WARNED")) != held or predicate["result"] not in ("PASSED", "WARNED", "FAILED"):
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
        key.verify(base64.b64decode(one["sig"], validate=True), pre)
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
    found = list(wrong(folder, trusted))
    print("\n".join(found) or "as it was written")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
