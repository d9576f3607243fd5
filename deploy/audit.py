"""What we run and ship: known holes, risky code, licences. Fails on whatever deploy/audit.yaml does not explain.

    make audit                       # ARGS=--strict also fails where the data of known holes is out of reach

pip-audit asks PyPI about each locked version, bandit reads the code; both come from a lock of their own into an
environment of their own, so that they bound nothing that we ship.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import re
import subprocess
import sys
import venv
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[1]
EXPLAINED = ROOT / "deploy" / "audit.yaml"
TOOLS_LOCK = ROOT / "deploy" / "audit-requirements.txt"
TOOLS = ROOT / ".local" / "audit-venv"
#: What runs, where: the functions, the engine, the command line, the local stack.
LOCKS = (
    "requirements.txt",
    "deploy/engine/requirements.txt",
    "deploy/cli/requirements.txt",
    "deploy/local/requirements.txt",
)
CODE = ("main.py", "common", "functions", "deploy")
_NAME = re.compile(r"^([A-Za-z0-9][\w.-]*)", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something found; `key` is what an explanation names."""

    kind: str
    key: tuple[str, ...]
    text: str


def unexplained(found: Iterable[Finding], explained: Mapping[str, Any]) -> list[str]:
    """A line for each finding without an explanation, and for each explanation without a finding."""
    known: set[tuple[str, ...]] = {
        *(("hole", hole) for hole in explained["holes"]),
        *(("code", entry["test"], entry["file"]) for entry in explained["code"]),
        *(("licence", entry["name"], entry["licence"]) for entry in explained["packages"]),
    }
    findings = {(finding.kind, *finding.key): finding.text for finding in found}
    new = [f"{' '.join(key)}: {text}" for key, text in findings.items() if key not in known]
    return new + [
        f"{' '.join(key)}: is explained, and not found any more" for key in sorted(known) if key not in findings
    ]


def locked_names(locks: Sequence[str] = LOCKS) -> list[str]:
    """Every package in a lock, by its name in lower case."""
    return sorted({name.lower() for lock in locks for name in _NAME.findall((ROOT / lock).read_text())})


def licence_of(package: str) -> str | None:
    """As the installed package says; None where it is not installed (it is for another platform)."""
    try:
        metadata = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    stated = metadata.get_all("License-Expression", [])
    named = [text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier", []) if text.startswith("License")]
    return "; ".join(stated or named or metadata.get_all("License", [])) or "(none stated)"


def licences(explained: Mapping[str, Any]) -> tuple[dict[str, list[str]], list[Finding]]:
    """Packages by licence, and those whose licence has to be explained."""
    by_licence: dict[str, list[str]] = defaultdict(list)
    found = []
    noted = {entry["name"] for entry in explained["packages"]}
    for name in locked_names():
        licence = licence_of(name)
        if licence is None:
            continue
        by_licence[licence].append(name)
        if licence not in explained["licences"] or name in noted:
            found.append(Finding("licence", (name, licence), "is no licence that anything may have"))
    return by_licence, found


def holes(program: Path) -> tuple[list[Finding], int]:
    """Known holes of all locks, and how many versions nothing could be learned about."""
    found, unknown = [], set()
    for lock in LOCKS:
        asked = [str(program), "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
        asked += ["--requirement", str(ROOT / lock)]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603  # our own arguments
        try:
            dependencies = json.loads(done.stdout)["dependencies"]
        except (ValueError, KeyError):
            raise SystemExit(f"pip-audit did not work on {lock}:\n{done.stderr[-2000:]}") from None
        for dependency in dependencies:
            if "skip_reason" in dependency:
                unknown.add(dependency["name"])
            for hole in dependency.get("vulns", ()):
                mended = ", ".join(hole["fix_versions"]) or "no version yet"
                found.append(
                    Finding("hole", (hole["id"],), f"{dependency['name']} {dependency['version']}: mended in {mended}")
                )
    return found, len(unknown)


def code(program: Path) -> list[Finding]:
    """What bandit warns of, medium or worse."""
    asked = [str(program), "--quiet", "-ll", "--format", "json", "--recursive", *CODE]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603  # likewise
    report = json.loads(done.stdout)
    if report["errors"]:
        raise SystemExit(f"bandit did not work: {report['errors']}")
    return [
        Finding("code", (row["test_id"], row["filename"]), f"line {row['line_number']}: {row['issue_text']}")
        for row in report["results"]
    ]


def install_tools() -> Path:
    """The directory of their programs."""
    programs = TOOLS / "bin"
    if not (programs / "bandit").exists():
        venv.create(TOOLS, with_pip=True, clear=True)
        install = [str(programs / "pip"), "install", "--quiet", "--require-hashes", "--requirement", str(TOOLS_LOCK)]
        subprocess.run(install, check=True)  # noqa: S603  # likewise
    return programs


def main() -> int:
    """0 where everything that was found is explained."""
    options = argparse.ArgumentParser(description="Look for known holes, risky code and licences.")
    options.add_argument("--strict", action="store_true", help="fail where nothing could be learned about a version")
    given = options.parse_args()
    explained = yaml.safe_load(EXPLAINED.read_text())
    programs = install_tools()
    by_licence, of_licences = licences(explained)
    of_holes, unknown = holes(programs / "pip-audit")
    for licence, packages in sorted(by_licence.items()):
        sys.stdout.write(f"{licence}: {', '.join(packages)}\n")
    complaints = unexplained([*of_holes, *code(programs / "bandit"), *of_licences], explained)
    if unknown:
        sys.stdout.write(
            f"\nNothing could be learned about {unknown} versions: the data of known holes is out of reach.\n"
        )
    if complaints:
        sys.stdout.write("\nExplain in deploy/audit.yaml, or mend:\n  " + "\n  ".join(complaints) + "\n")
    failed = bool(complaints) or (given.strict and unknown > 0)
    sys.stdout.write("\nThe audit failed.\n" if failed else "\nEverything that was found is explained.\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
