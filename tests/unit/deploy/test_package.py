"""What is deployed: the functions' source and nothing else, the same bytes for the same source."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from deploy.package import source_files, write_package
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_package_is_the_functions_and_nothing_else(tmp_path: Path) -> None:
    """main.py and requirements.txt at its root, where Cloud Functions looks for them; templates and assets too."""
    write_package(tmp_path / "a.zip")

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = set(archive.namelist())
    assert {"main.py", "requirements.txt", "common/config.py", "functions/pages/assets/app.css"} <= names
    assert {name.partition("/")[0] for name in names} == {"main.py", "requirements.txt", "common", "functions"}
    assert not [name for name in names if "__pycache__" in name]
    assert names == {path.relative_to(ROOT).as_posix() for path in source_files()}


def test_the_same_source_is_the_same_package(tmp_path: Path) -> None:
    """Whenever it is made: a deployment of what is deployed changes nothing."""
    write_package(tmp_path / "a.zip")
    write_package(tmp_path / "b.zip")

    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
