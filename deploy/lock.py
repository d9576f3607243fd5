"""Resolves the dependencies in pyproject.toml into requirement files with hashes: `make lock`.

The tests' list comes first and bounds the others, so that what is tested is what runs. One resolution serves every
supported Python. Needs `uv`, which is installed where setting up could not.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EVERYTHING = "tests/requirements.txt"
#: File: what `uv pip compile` is told to put into it.
LOCKS = {
    EVERYTHING: ["pyproject.toml", "--group", "cli", "--group", "engine", "--group", "local", "--group", "test"],
    "requirements.txt": ["pyproject.toml"],
    "deploy/local/requirements.txt": ["pyproject.toml", "--group", "cli", "--group", "engine", "--group", "local"],
    "deploy/engine/requirements.txt": ["--group", "pyproject.toml:engine"],
    "deploy/cli/requirements.txt": ["--group", "pyproject.toml:cli"],
}
#: Not bounded by what is tested, and not bounding it: what reads the code, and what installs.
APART = {"deploy/audit-requirements.txt": "audit", "deploy/setup-requirements.txt": "setup"}
#: Symbl's last client and what it imports, without what it asks for besides (PyAudio): see deploy/setup.py.
SDK_LOCK = "tests/sdk-requirements.txt"
SDK = "symbl==2.0.6\nsymbl-rest==1.0.14\nsix>=1.17\nwebsocket-client>=1.9\n"
#: No address of a registry in the files: they are installed from wherever pip is pointed.
HOW = [
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
]


def main() -> int:
    """Write every lock; upgrades what may be upgraded."""
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "uv"], check=True)
    for target, source in LOCKS.items():
        _compile(target, *source, *([] if target == EVERYTHING else ["-c", EVERYTHING]))
    for target, group in APART.items():
        _compile(target, "--group", f"pyproject.toml:{group}")
    _compile(SDK_LOCK, "-", "--no-deps", wanted=SDK)
    return 0


def _compile(target: str, *source: str, wanted: str | None = None) -> None:
    command = [sys.executable, "-m", "uv", "pip", "compile", *source, *HOW, "--upgrade", "-o", target]
    subprocess.run(command, cwd=ROOT, check=True, input=wanted, text=True)


if __name__ == "__main__":
    sys.exit(main())
