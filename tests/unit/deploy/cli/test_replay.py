"""`recordings replay`: counted first, asked for, done once, and what to do next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deploy.cli.exits import Exit
from tests.unit.deploy.cli.stand_in import FAILED, WHOLE_WAY, problem

if TYPE_CHECKING:
    from tests.unit.deploy.cli.conftest import Cli
    from tests.unit.deploy.cli.stand_in import ApiStandIn, Kept

WHY = ("--reason", "the engine was mended")


def keep_failed(api: ApiStandIn, id_: str, *, company: str = "northwind", stubborn: bool = False) -> Kept:
    kept = api.keep(id_, (), company=company)
    kept.now, kept.stubborn = FAILED[-1], stubborn
    return kept


def bodies(api: ApiStandIn) -> list[dict[str, object]]:
    return [json.loads(request.get_data()) for request in api.requests]


def test_one_recording_is_replayed_after_a_yes(cli: Cli, api: ApiStandIn) -> None:
    """The count comes first, the reason goes along, and the next command is said."""
    kept = keep_failed(api, "r1")
    cli.answers = ["y\n"]

    done = cli("recordings", "replay", "r1", *WHY)

    assert (done.code, kept.replays, kept.now[0]) == (Exit.OK, 1, "pending")
    assert done.rows == [{"id": "r1", "outcome": "replayed", "reason": None}]
    assert done.err.splitlines() == ["1 recording to replay from submit", "next: calltrack recordings wait r1"]
    assert cli.questions == ["replay 1 recording? [y/N] "]
    assert [(body["validate_only"], body["reason"], body["from_stage"]) for body in bodies(api)] == [
        (True, WHY[1], "submit"),
        (False, WHY[1], "submit"),
    ]


@pytest.mark.parametrize("answer", ["", "n\n", "1\n", "yes please\n"])
def test_whatever_is_no_yes_changes_nothing(cli: Cli, api: ApiStandIn, answer: str) -> None:
    """Return is no."""
    kept = keep_failed(api, "r1")
    cli.answers = [answer]

    done = cli("recordings", "replay", "r1", *WHY)

    assert (done.code, kept.replays, done.out) == (Exit.FAILED, 0, "")
    assert "nothing was changed" in done.err


def test_without_a_person_there_must_be_a_yes(cli: Cli, api: ApiStandIn) -> None:
    """A script that forgot it is told the command."""
    kept = keep_failed(api, "r1")

    asked = cli("recordings", "replay", "r1", *WHY)
    done = cli("recordings", "replay", "r1", *WHY, "--yes")

    assert asked.code == Exit.USAGE
    assert "recordings replay r1 --from-stage submit --reason 'the engine was mended' --yes" in asked.err
    assert (done.code, kept.replays) == (Exit.OK, 1)


def test_many_want_their_number_typed(cli: Cli, api: ApiStandIn) -> None:
    """`y` is too quickly said for more than a hundred; pages are followed to the end."""
    kept = [keep_failed(api, f"r{number:03d}") for number in range(205)]
    cli.answers = ["y\n", "205\n"]

    hasty = cli("recordings", "replay", "--filter", "company:northwind", *WHY)
    done = cli("recordings", "replay", "--filter", "company:northwind", *WHY)

    assert hasty.code == Exit.FAILED
    assert (done.code, len(done.rows), {one.replays for one in kept}) == (Exit.OK, 205, {1})
    assert cli.questions == ["type 205 to replay them: "] * 2
    assert {body["filter"] for body in bodies(api)} == {"company:northwind status:failed"}
    assert "next: calltrack recordings list --filter status:failed" in done.err


def test_a_dry_run_prints_and_does_nothing(cli: Cli, api: ApiStandIn) -> None:
    """What would be replayed, what would not and why, and the command that does it."""
    kept = [keep_failed(api, "r1"), keep_failed(api, "r2", stubborn=True)]

    told = cli("recordings", "replay", "--failure-class", "defect", *WHY, "--dry-run")

    assert [(row["id"], row["outcome"]) for row in told.rows] == [("r1", "would be replayed"), ("r2", "skipped")]
    assert told.rows[1]["reason"]
    assert "1 recording to replay from submit, 1 skipped" in told.err
    assert "next: calltrack recordings replay --filter 'failure_class:\"defect\"' --from-stage submit" in told.err
    assert told.code == Exit.PARTIAL
    assert [one.replays for one in kept] == [0, 0]
    assert cli.questions == []


def test_one_that_cannot_be_replayed_does_not_stop_the_others(cli: Cli, api: ApiStandIn) -> None:
    """Its problem is told, and the exit code says that it is not all."""
    kept = keep_failed(api, "r1")
    api.keep("r2")

    done = cli("recordings", "replay", "r2", "nobody", "r1", *WHY, "--yes", "--format", "jsonl")

    assert (done.code, kept.replays) == (Exit.PARTIAL, 1)
    assert [(row["id"], row["outcome"]) for row in done.rows] == [
        ("r2", "skipped"), ("nobody", "skipped"), ("r1", "replayed"),
    ]  # fmt: skip
    assert {(one["about"], one["reason"]) for one in done.problems} == {
        ("r2", "NOT_REPLAYABLE"), ("nobody", "NOT_FOUND"),
    }  # fmt: skip


def test_alone_it_ends_with_its_own_code(cli: Cli, api: ApiStandIn) -> None:
    """A conflict, or not found; nothing is asked."""
    api.keep("r1")

    assert cli("recordings", "replay", "r1", *WHY).code == Exit.CONFLICT
    assert cli("recordings", "replay", "nobody", *WHY).code == Exit.NOT_FOUND
    assert cli.questions == []


def test_nothing_found_is_nothing_to_do(cli: Cli) -> None:
    """Repeating the command after it has worked is no error."""
    done = cli("recordings", "replay", "--filter", "company:northwind", *WHY)

    assert (done.code, done.out) == (Exit.OK, "")
    assert "0 recordings to replay" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        (*WHY,),
        ("r1", "--filter", "status:failed", *WHY),
        ("r1",),
        ("r1", "--from-stage", "dispatch", *WHY),
        ("../r1", *WHY),
    ],
)
def test_an_unclear_command_line_sends_nothing(cli: Cli, api: ApiStandIn, arguments: tuple[str, ...]) -> None:
    """Ids or a filter, and always a reason."""
    assert cli("recordings", "replay", *arguments).code == Exit.USAGE
    assert api.requests == []


def test_a_servers_refusal_ends_it(cli: Cli, api: ApiStandIn) -> None:
    """Without a token there is no sense in going on; a server that is down is said once."""
    for status, code in ((401, Exit.REFUSED), (503, Exit.UNAVAILABLE)):
        api.requests.clear()
        api.refusals = [problem(status)]
        assert cli("recordings", "replay", "r1", "r2", *WHY).code == code
        assert len(api.requests) == 1


def test_waiting_follows_the_replayed_to_their_results(cli: Cli, api: ApiStandIn) -> None:
    """As `wait` does; one that was skipped still shows in the exit code."""
    api.script = WHOLE_WAY
    keep_failed(api, "r1")
    api.keep("r2")

    done = cli("recordings", "replay", "r1", *WHY, "--yes", "--wait", "--format", "value(id,results.state)")
    mixed = cli("recordings", "replay", "r2", *WHY, "--yes", "--wait", "--format", "value(id)")

    assert (done.code, done.out) == (Exit.OK, "r1\tcomplete\n")
    assert mixed.code == Exit.CONFLICT


def test_collecting_completed_ones_names_their_status(cli: Cli, api: ApiStandIn) -> None:
    """The filter's own status is kept."""
    cli("recordings", "replay", "--filter", "status:completed", "--from-stage", "collect", *WHY, "--dry-run")

    assert [(body["filter"], body["from_stage"]) for body in bodies(api)] == [("status:completed", "collect")]
