"""`recordings add`: what is sent, what is said, and how it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from deploy.cli.exits import Exit
from tests.unit.deploy.cli.stand_in import DONE, FAILED, problem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.deploy.cli.conftest import Cli
    from tests.unit.deploy.cli.stand_in import ApiStandIn


def test_a_file_arrives_with_all_that_the_flags_say(cli: Cli, api: ApiStandIn, call: Path) -> None:
    """Every flag becomes the metadata field that the API documents, and the bytes arrive as they are."""
    done = cli(
        "recordings", "add", call, "--company", "northwind", "--name", "Refund", "--agent-name", "Ana",
        "--agent-email", "ana@example.com", "--customer-name", "Ben", "--customer-email", "ben@example.com",
        "--started-at", "2026-03-01T12:00:00-05:00", "--language", "en-US", "--direction", "inbound",
        "--priority", "backfill", "--number-of-speakers", "2", "--no-separate-channels", "--allow-duplicate",
    )  # fmt: skip
    [kept] = api.recordings.values()
    assert done.code == Exit.OK
    assert api.uploads == [call.read_bytes()]
    assert kept.file_name == "call.wav"
    assert kept.details.model_dump(mode="json", exclude_none=True) == {
        "company": "northwind",
        "name": "Refund",
        "speakers": [
            {"name": "Ana", "email": "ana@example.com", "role": "agent"},
            {"name": "Ben", "email": "ben@example.com", "role": "customer"},
        ],
        "started_at": "2026-03-01T12:00:00-05:00",
        "language_code": "en-US",
        "direction": "inbound",
        "priority": "backfill",
        "number_of_speakers": 2,
        "separate_channels": False,
        "allow_duplicate": True,
    }


def test_a_url_is_read_by_the_server(cli: Cli, api: ApiStandIn) -> None:
    """gs:// and https:// are sent as they are, with the metadata beside them."""
    done = cli("recordings", "add", "gs://bucket/a.wav", "https://example.com/b.wav", "--company", "northwind")
    assert done.code == Exit.OK
    assert [row["file_name"] for row in done.rows] == ["a.wav", "b.wav"]
    assert api.uploads == []


def test_the_same_audio_again_is_said_to_be_known(cli: Cli, call: Path) -> None:
    """Repeating a command is safe, succeeds, and says that nothing was added."""
    first = cli("recordings", "add", call, "--company", "northwind")
    again = cli("recordings", "add", call, "--company", "northwind")
    assert again.code == Exit.OK
    assert again.rows == first.rows
    assert "added call.wav" in first.err
    assert "known already, the same audio as call.wav" in again.err


def test_what_was_added_names_the_next_command(cli: Cli, call: Path) -> None:
    """Without waiting, the command that waits is printed, to the same server."""
    done = cli("--server", cli.environ["CALLTRACK_SERVER"], "recordings", "add", call, "--company", "northwind")
    server = cli.environ["CALLTRACK_SERVER"]
    assert f"next: calltrack --server {server} recordings wait {done.rows[0]['id']}\n" in done.err


def test_one_that_fails_does_not_stop_the_rest(cli: Cli, tmp_path: Path) -> None:
    """Two good recordings and two bad ones: both good ones are added, both bad ones named, exit code 3."""
    for name, content in (("a.wav", b"first"), ("b.wav", b"not audio"), ("c.wav", b"third")):
        (tmp_path / name).write_bytes(content)
    done = cli("recordings", "add", tmp_path, tmp_path / "gone.wav", "--company", "northwind")
    assert done.code == Exit.PARTIAL
    assert [row["file_name"] for row in done.rows] == ["a.wav", "c.wav"]
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 2
    assert "gone.wav: No such file — " in errors[0]
    assert "b.wav: What was sent cannot be used — audio: is no recording" in errors[1]
    assert "(request " in errors[1]


def test_where_all_fail_alike_the_exit_code_is_theirs(cli: Cli, tmp_path: Path) -> None:
    """Partial means that something is done."""
    assert cli("recordings", "add", tmp_path / "a.wav", tmp_path / "b.wav", "--company", "x").code == Exit.NOT_FOUND


def test_without_a_company_nothing_is_sent(cli: Cli, api: ApiStandIn, call: Path) -> None:
    """The mend is named, and it is a usage error."""
    done = cli("recordings", "add", call)
    assert done.code == Exit.USAGE
    assert "call.wav: No company — " in done.err
    assert "try: --company NAME" in done.err
    assert api.requests == []


def test_too_large_a_file_is_refused_before_sending(cli: Cli, api: ApiStandIn, tmp_path: Path) -> None:
    """Over 32 MiB the way through the bucket is named; a file just below passes."""
    too_large = tmp_path / "long.wav"
    with too_large.open("wb") as file:
        file.truncate(32 * 2**20)
    done = cli("recordings", "add", too_large, "--company", "northwind")
    assert done.code == Exit.USAGE
    assert "Too large to send — it has 32.0 MiB" in done.err
    assert "put it into the recordings bucket, then: calltrack recordings add gs://BUCKET/long.wav" in done.err
    assert api.requests == []
    with too_large.open("wb") as file:
        file.truncate(32 * 2**20 - 4096)
    assert cli("recordings", "add", too_large, "--company", "northwind").code == Exit.OK


def test_waiting_shows_each_stage_and_ends_with_the_results(cli: Cli, call: Path) -> None:
    """From pending to complete results, as the API's words, without a second of real time."""
    done = cli("recordings", "add", call, "--company", "northwind", "--wait")
    assert done.code == Exit.OK
    assert [line.split(": ")[1] for line in done.err.splitlines() if line.startswith("call.wav: ")] == [
        "sending", "pending", "submitting", "scheduled", "in_progress", "completed", "results complete",
    ]  # fmt: skip
    assert len(done.rows[0]["results"]["messages"]) == 2
    assert sum(cli.time.naps) == pytest.approx(5.0)


def test_a_person_at_a_terminal_waits_unless_told_otherwise(cli: Cli, api: ApiStandIn, call: Path) -> None:
    """Waiting is the default on a terminal alone."""
    assert "results complete" in cli("recordings", "add", call, "--company", "northwind", tty=True).err
    api.recordings.clear()
    cli("recordings", "add", call, "--company", "northwind", "--no-wait", tty=True)
    cli("recordings", "add", call, "--company", "northwind")
    assert [kept.looks for kept in api.recordings.values()] == [0]


def test_a_failed_analysis_tells_why(cli: Cli, api: ApiStandIn, call: Path) -> None:
    """The reason and the check of the API's error, and where to look on; exit code 1."""
    api.script = FAILED
    done = cli("recordings", "add", call, "--company", "northwind", "--wait")
    assert done.code == Exit.FAILED
    assert "call.wav: Analysis failed — no speech in it; listen to it — try: calltrack recordings get r" in done.err


def test_one_that_fails_later_makes_the_whole_partial(cli: Cli, api: ApiStandIn, tmp_path: Path) -> None:
    """What is known of each is on stdout all the same."""
    (tmp_path / "a.wav").write_bytes(b"a")
    (tmp_path / "b.wav").write_bytes(b"b")
    cli("recordings", "add", tmp_path, "--company", "northwind")
    first, second = api.recordings.values()
    first.ahead, second.ahead = list(FAILED), list(DONE)
    done = cli("recordings", "add", tmp_path, "--company", "northwind", "--wait")
    assert done.code == Exit.PARTIAL
    assert [row["request"]["status"] for row in done.rows] == ["failed", "completed"]


def test_an_interrupt_leaves_work_going_and_names_the_command_that_resumes(
    cli: Cli, api: ApiStandIn, call: Path
) -> None:
    """Ctrl-C while waiting: exit code 130, the data so far, and the command, which completes without a duplicate."""

    def interrupt(naps: int) -> None:
        if naps == 3:
            raise KeyboardInterrupt

    cli.time.on_nap = interrupt
    stopped = cli("recordings", "add", call, "--company", "northwind", "--wait")
    assert stopped.code == Exit.INTERRUPTED
    [id_] = api.recordings
    assert stopped.err.splitlines()[-1] == (
        f"error: Interrupted — 1 at work, which goes on — try: calltrack recordings wait {id_}"
    )
    assert stopped.rows[0]["id"] == id_
    resumed = cli("recordings", "wait", id_)
    assert resumed.code == Exit.OK
    assert resumed.rows[0]["results"]["state"] == "complete"
    assert list(api.recordings) == [id_]


def test_a_wait_that_is_too_long_ends_with_its_own_code(cli: Cli, api: ApiStandIn, call: Path) -> None:
    """Exit code 9 after --timeout seconds, with the command that resumes."""
    api.script = (("in_progress", "waiting"),)
    done = cli("recordings", "add", call, "--company", "northwind", "--wait", "--timeout", "30")
    assert done.code == Exit.TIMED_OUT
    assert "1 of 1 are not through after 30 s; the work goes on — try: calltrack recordings wait r" in done.err
    assert sum(cli.time.naps) == pytest.approx(30.0)


@pytest.mark.parametrize("count", [2, 9])
def test_a_server_that_refuses_us_is_asked_once(cli: Cli, api: ApiStandIn, tmp_path: Path, count: int) -> None:
    """Every other recording would be refused too."""
    for number in range(count):
        (tmp_path / f"{number}.wav").write_bytes(b"%d" % number)
    api.refusals = [problem(401, title="The caller is not known", reason="UNAUTHENTICATED")] * count
    done = cli("recordings", "add", tmp_path, "--company", "northwind")
    assert done.code == Exit.REFUSED
    assert len(api.requests) == 1
    assert f"{count - 1} more not sent" in done.err
    assert "try: set CALLTRACK_TOKEN to a valid token" in done.err


def test_a_server_out_of_reach_is_tried_three_times(cli: Cli, api: ApiStandIn, tmp_path: Path) -> None:
    """A passing fault of one recording is not the end, but three in a row are."""
    for number in range(9):
        (tmp_path / f"{number}.wav").write_bytes(b"%d" % number)
    api.refusals = [problem(503), problem(503)]
    assert cli("recordings", "add", tmp_path, "--company", "northwind").code == Exit.PARTIAL
    api.refusals = [problem(503)] * 9
    before = len(api.requests)
    assert cli("recordings", "add", tmp_path, "--company", "northwind").code == Exit.UNAVAILABLE
    assert len(api.requests) - before == 3


def test_the_errors_of_a_program_are_problem_documents(cli: Cli, tmp_path: Path) -> None:
    """With --format json each line of stderr is a problem, and stdout is one list."""
    (tmp_path / "a.wav").write_bytes(b"first")
    (tmp_path / "b.wav").write_bytes(b"not audio")
    done = cli("recordings", "add", tmp_path, "--company", "northwind", "--format", "json")
    assert done.code == Exit.PARTIAL
    assert [row["file_name"] for row in json.loads(done.out)] == ["a.wav"]
    [given] = done.problems
    assert given["about"].endswith("b.wav")
    assert given["code"] == "INVALID_ARGUMENT"
    assert given["status"] == 400


def test_quiet_says_nothing_but_errors(cli: Cli, call: Path) -> None:
    """Neither talk nor progress, even where waiting shows some by itself."""
    assert cli("recordings", "add", call, "--company", "northwind", "--wait", "--quiet").err == ""


def test_progress_for_programs_is_json_lines(cli: Cli, call: Path) -> None:
    """One event for each change, with how many are through."""
    done = cli("recordings", "add", call, "--company", "n", "--wait", "--progress", "json", "--format", "json")
    assert done.problems[0] == {
        "event": "progress", "recording": "call.wav", "stage": "sending", "done": 0, "total": 1, "failed": 0,
    }  # fmt: skip
    assert (done.problems[-1]["stage"], done.problems[-1]["done"]) == ("results complete", 1)


def test_a_long_silence_is_broken_every_ten_seconds(cli: Cli, api: ApiStandIn, call: Path) -> None:
    """A log shows that the wait is alive."""
    api.script = (("in_progress", "waiting"),)
    done = cli("recordings", "add", call, "--company", "n", "--wait", "--timeout", "60")
    signs = done.err.count("0 of 1 complete\n")
    assert 3 <= signs <= 6
