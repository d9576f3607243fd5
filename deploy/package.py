"""The functions' source as one zip file, the same bytes for the same source: `make package`.

Cloud Functions builds what is in it: main.py and requirements.txt at its root, and the packages that main.py imports.
deploy/terraform/storage.tf makes the object's name from the same files.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("common", "functions")
#: The earliest that a zip file can say: what was built when must not change its bytes.
_ANY_TIME = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def source_files(root: Path = ROOT) -> list[Path]:
    """What is deployed, in one order."""
    packaged = (path for package in PACKAGES for path in (root / package).rglob("*") if path.is_file())
    return sorted([
        root / "main.py",
        root / "requirements.txt",
        *(path for path in packaged if "__pycache__" not in path.parts),
    ])  # fmt: skip


def write_package(target: Path, root: Path = ROOT) -> None:
    """Write the archive to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in source_files(root):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), _ANY_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _READABLE
            archive.writestr(entry, path.read_bytes())


def main(arguments: list[str]) -> int:
    """Write it to the file that is named, by default .local/functions.zip."""
    target = Path(arguments[0]) if arguments else ROOT / ".local" / "functions.zip"
    write_package(target)
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
