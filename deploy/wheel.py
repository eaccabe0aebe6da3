#!/usr/bin/env python3
"""Makes a wheel of a binary that was built before, as `maturin build` with `bindings = "bin"` does: the
program is in its scripts. The same input gives the same bytes.

    wheel.py PROGRAM VERSION GLIBC ROOT OUT
"""

import base64
import hashlib
import pathlib
import platform
import sys
import zipfile

program, version, glibc, root, out = sys.argv[1:]
root = pathlib.Path(root)
tag = f"py3-none-manylinux_{glibc.replace('.', '_')}_{platform.machine()}"
info = f"pulp_drill-{version}.dist-info"
metadata = f"""Metadata-Version: 2.3
Name: pulp-drill
Version: {version}
Summary: Proves whether backups of PostgreSQL rows and S3 binaries restore
License-Expression: MIT OR Apache-2.0
Requires-Python: >=3.8
Project-URL: Repository, https://github.com/pulp-drill/pulp-drill
Description-Content-Type: text/markdown

{(root / 'README.md').read_text()}"""
files = {
    f"pulp_drill-{version}.data/scripts/pulp-drill": pathlib.Path(program).read_bytes(),
    f"{info}/METADATA": metadata.encode(),
    f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: deploy/wheel.py\nRoot-Is-Purelib: false\nTag: {tag}\n".encode(),
    f"{info}/licenses/LICENSE-MIT": (root / "LICENSE-MIT").read_bytes(),
    f"{info}/licenses/LICENSE-APACHE": (root / "LICENSE-APACHE").read_bytes(),
}


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


record = "".join(f"{name},sha256={digest(content)},{len(content)}\n" for name, content in files.items())
files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
path = pathlib.Path(out) / f"pulp_drill-{version}-{tag}.whl"
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
    for name, content in files.items():
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        mode = 0o755 if "/scripts/" in name else 0o644
        entry.external_attr = (0o100000 | mode) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        wheel.writestr(entry, content)
