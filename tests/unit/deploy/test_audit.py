"""The audit lets pass what is explained, and no explanation outlives its reason."""

from __future__ import annotations

import yaml

from deploy.audit import EXPLAINED, Finding, licences, unexplained

RISKY = Finding("code", ("B608", "a.py"), "line 3: text in SQL")
EXPLANATIONS = {
    "holes": {"CVE-1": "no such call of ours"},
    "code": [{"test": "B608", "file": "a.py", "why": "names of a closed set"}],
    "licences": ["MIT"],
    "packages": [],
}


def test_what_is_not_explained_is_told() -> None:
    """By kind and key, with what it is."""
    hole = Finding("hole", ("CVE-2",), "lib 1.0: mended in 1.1")

    assert unexplained([RISKY, hole, Finding("hole", ("CVE-1",), "lib 1.0")], EXPLANATIONS) == [
        "hole CVE-2: lib 1.0: mended in 1.1"
    ]


def test_an_explanation_that_is_not_needed_any_more_is_told() -> None:
    """So that it cannot cover the next thing of that kind."""
    assert unexplained([RISKY], EXPLANATIONS) == ["hole CVE-1: is explained, and not found any more"]


def test_every_licence_is_one_that_we_may_ship_under() -> None:
    """Of all that is locked and installed here, or it is explained."""
    explained = yaml.safe_load(EXPLAINED.read_text())
    _, found = licences(explained)

    assert unexplained(found, {**explained, "holes": {}, "code": []}) == []
