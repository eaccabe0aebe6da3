"""Packages that others wrote, in virtual environments below target/. Needs Python 3.9 or newer with venv."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()


def environment(name: str, requirements: str) -> pathlib.Path:
    """The folder with the programs of a virtual environment, made anew when its requirements changed."""
    home, wanted = TARGET / name, HERE / requirements
    programs = home / "bin"
    stamp = home / "requirements.txt"
    if not stamp.is_file() or stamp.read_text() != wanted.read_text():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(wanted)], check=True)
        shutil.copy(wanted, stamp)
    return programs
