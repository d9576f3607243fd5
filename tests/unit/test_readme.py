"""The README tells the truth: states, settings, entry points."""

from __future__ import annotations

import re
from pathlib import Path

import main
from common.config import Settings
from common.model.lifecycle import TRANSITIONS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_state_diagram_has_exactly_the_arrows_of_the_table() -> None:
    """Whoever changes one must change the other: who follows whom, and by whose hand."""
    diagram = README.partition("stateDiagram-v2")[2].partition("```")[0]
    drawn = {
        (before, after): set(makers.split(", "))
        for before, after, makers in re.findall(r"(\w+|\[\*\]) --> (\w+) : (.+)", diagram)
    }
    assert drawn == {
        (before.value if before else "[*]", after.value): {maker.value for maker in makers}
        for (before, after), makers in TRANSITIONS.items()
    }


def test_every_setting_is_in_the_table_and_nothing_else() -> None:
    """A setting that is not documented does not exist for an operator."""
    table = README.partition("| variable | default | |")[2].partition("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {name for cell in first_cells for name in re.findall(r"`([A-Z_]+)`", cell)}
    assert named == {name.upper() for name in Settings.model_fields}


def test_main_exports_the_entry_points_that_the_readme_draws() -> None:
    """The names that the outside relies on."""
    assert set(main.__all__) == {
        "ingest_recording",
        "recordings",
        "dispatch_jobs",
        "submit_job",
        "symbl_webhook",
        "collect_results",
        "sweep_jobs",
        "dashboard",
    }
    assert all(getattr(main, name).__name__ == name for name in main.__all__)
    assert not hasattr(main, "retry_jobs")


def test_every_linked_file_is_there() -> None:
    """No link of ours leads nowhere."""
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert [path for path in linked if not (ROOT / path).exists()] == []
