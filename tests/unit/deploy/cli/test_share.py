"""`recordings share`: the link on stdout, and nothing else there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.deploy.cli.conftest import Cli
    from tests.unit.deploy.cli.stand_in import ApiStandIn


def test_a_person_gets_the_link_and_is_told_the_rest(cli: Cli, api: ApiStandIn) -> None:
    """The URL can be piped on; when it expires and how to embed it stands beside it."""
    api.keep("r1")

    done = cli("recordings", "share", "r1", "--format", "table")

    assert (done.code, done.out) == (Exit.OK, "https://calls.example/share/r1-with\n")
    assert done.err.splitlines() == [
        "it works until 2026-03-31 12:00:00Z",
        'to embed it: <iframe src="https://calls.example/share/r1-with"></iframe>',
    ]


def test_a_program_gets_the_answer(cli: Cli, api: ApiStandIn) -> None:
    """As JSON lines by default, or the fields that it asks for; without the transcript where that is wanted."""
    api.keep("r1")

    assert cli("recordings", "share", "r1").rows[0]["expires_at"] == "2026-03-31T12:00:00.000Z"
    alone = cli("recordings", "share", "r1", "--no-transcript", "--format", "value(url)")
    assert alone.out == "https://calls.example/share/r1-without\n"


def test_an_unknown_recording_is_not_shared(cli: Cli) -> None:
    """Exit 4, as for everything that is not there."""
    assert cli("recordings", "share", "nobody").code == Exit.NOT_FOUND
