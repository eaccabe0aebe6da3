"""Holds deploy/ against programs that others wrote.

hadolint reads the Dockerfiles, kubernetes-validate holds the manifests against the schemas of the oldest
and the newest Kubernetes that they are meant for; then both see planted mistakes, which they must tell.
The packages are installed into a virtual environment below target/. Builds no image and asks no cluster.
Needs Python 3.9 or newer with venv.
"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile

from packages import ROOT, environment

KUBERNETES = ("1.29", "1.37")
# The kustomization is no object of the API; deploy/lint.sh builds it.
MANIFESTS = sorted(p for p in (ROOT / "deploy" / "kubernetes").glob("*.yaml") if p.name != "kustomization.yaml")
DOCKERFILES = [ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "minio.Dockerfile"]


def holds(argv: list[str]) -> bool:
    """Whether a program finds nothing; what it finds is printed."""
    ran = subprocess.run(argv, capture_output=True, text=True)
    if ran.returncode != 0:
        print(ran.stdout + ran.stderr, end="")
    return ran.returncode == 0


def validate(program: pathlib.Path, version: str, manifests: list[pathlib.Path]) -> bool:
    """Whether manifests hold for one version; unknown keys do not."""
    argv = [str(program), "--strict", "--quiet", "--kubernetes-version", version]
    return holds([*argv, *map(str, manifests)])


def planted(folder: pathlib.Path, source: pathlib.Path, right: str, wrong: str) -> pathlib.Path:
    """A copy with one mistake."""
    text = source.read_text()
    assert right in text, f"{source.name} has no {right!r} any more: plant another mistake"
    copy = folder / source.name
    copy.write_text(text.replace(right, wrong, 1))
    return copy


def main() -> int:
    bin_folder = environment("conformance-manifests-venv", "manifests-requirements.txt")
    hadolint, kubernetes = bin_folder / "hadolint", bin_folder / "kubernetes-validate"
    assert len(MANIFESTS) >= 2, "the manifests are gone"
    good = all([holds([str(hadolint), str(file)]) for file in DOCKERFILES])
    good &= all([validate(kubernetes, version, MANIFESTS) for version in KUBERNETES])
    if not good:
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        print("conformance: planted mistakes, which must be reported:")
        wrong = planted(folder, DOCKERFILES[0], "WORKDIR /src", "WORKDIR src")
        seen = [not holds([str(hadolint), str(wrong)])]
        for right, wrong_words in (
            ("startingDeadlineSeconds: 3600", "startingDeadlineSeconds: soon"),
            ("backoffLimit: 0", "backofLimit: 0"),
            ("schedule: 17 3 * * *", "shedule: 17 3 * * *"),
        ):
            wrong = planted(folder, ROOT / "deploy" / "kubernetes" / "cronjob.yaml", right, wrong_words)
            seen.append(not validate(kubernetes, KUBERNETES[-1], [wrong]))
    if not all(seen):
        print(f"conformance: a planted mistake was not told: {seen}", file=sys.stderr)
        return 1
    print(f"conformance: {len(MANIFESTS)} manifests hold for Kubernetes {' and '.join(KUBERNETES)}, Dockerfiles for hadolint")
    return 0


if __name__ == "__main__":
    sys.exit(main())
