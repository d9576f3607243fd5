"""`recordings delete`: asked for by the whole id, done once, and what is still owed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deploy.cli.exits import Exit
from tests.unit.deploy.cli.stand_in import WHOLE_WAY

if TYPE_CHECKING:
    from tests.unit.deploy.cli.conftest import Cli
    from tests.unit.deploy.cli.stand_in import ApiStandIn

WHY = ("--reason", "ticket 4711")


def test_a_recording_is_deleted_when_its_id_was_typed(cli: Cli, api: ApiStandIn) -> None:
    """The reason goes along; what the sweep has still to do is said."""
    api.keep("r1")
    cli.answers = ["r1\n"]

    done = cli("recordings", "delete", "r1", *WHY)

    assert (done.code, list(api.recordings)) == (Exit.OK, [])
    assert [(row["id"], row["reason"], row["owed"]) for row in done.rows] == [
        ("r1", "ticket 4711", ["conversations", "last_look"])
    ]
    assert cli.questions == ["this cannot be undone; type r1 to delete it: "]
    assert done.err == "found nowhere any more; the sweep goes on with: conversations\n"


@pytest.mark.parametrize("answer", ["", "y\n", "r2\n"])
def test_whatever_is_not_the_id_changes_nothing(cli: Cli, api: ApiStandIn, answer: str) -> None:
    """A yes is too quick for what cannot be undone."""
    api.keep("r1")
    cli.answers = [answer]

    done = cli("recordings", "delete", "r1", *WHY)

    assert (done.code, list(api.recordings), api.requests) == (Exit.FAILED, ["r1"], [])
    assert "nothing was changed" in done.err


def test_without_a_person_there_must_be_a_yes(cli: Cli, api: ApiStandIn) -> None:
    """A script that forgot it is told the command, and the command works."""
    api.keep("r1")

    refused = cli("recordings", "delete", "r1", *WHY)

    assert (refused.code, list(api.recordings)) == (Exit.USAGE, ["r1"])
    assert "--reason 'ticket 4711' --yes" in refused.err
    assert cli("recordings", "delete", "r1", *WHY, "--yes").code == Exit.OK


def test_what_is_at_the_engine_is_refused_with_what_to_wait_for(cli: Cli, api: ApiStandIn) -> None:
    """A conflict, and the command that waits."""
    api.keep("r1").now = next(state for state in WHOLE_WAY if state[0] == "in_progress")

    done = cli("recordings", "delete", "r1", *WHY, "--yes")

    assert done.code == Exit.CONFLICT
    assert "calltrack recordings wait r1" in done.err


def test_an_unknown_id_is_not_found(cli: Cli, api: ApiStandIn) -> None:
    """As everywhere."""
    assert api.recordings == {}

    assert cli("recordings", "delete", "r1", *WHY, "--yes").code == Exit.NOT_FOUND
