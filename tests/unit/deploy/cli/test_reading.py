"""`recordings list`, `get`, `transcript`, `wait` and `open`: data on stdout, and nothing else there."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING

import pytest
from werkzeug.wrappers import Response

from deploy.cli.exits import Exit
from tests.unit.deploy.cli.stand_in import AUDIO, DONE, FAILED, TRANSCRIPT, WHOLE_WAY, problem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.deploy.cli.conftest import Cli
    from tests.unit.deploy.cli.stand_in import ApiStandIn

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def test_a_list_follows_pages_up_to_the_limit(cli: Cli, api: ApiStandIn) -> None:
    """Seven of nine, three at a time: three requests, the last for one."""
    for number in range(9):
        api.keep(f"r{number}")
    done = cli("recordings", "list", "--limit", "7", "--page-size", "3", "--order-by", "created_at")
    assert [row["id"] for row in done.rows] == [f"r{number}" for number in range(7)]
    assert [request.args["page_size"] for request in api.requests] == ["3", "3", "1"]
    assert {request.args["order_by"] for request in api.requests} == {"created_at"}


def test_a_list_without_a_limit_is_the_whole_list(cli: Cli, api: ApiStandIn) -> None:
    """A program gets everything; a person gets a table of a hundred, and is told that there is more."""
    for number in range(101):
        api.keep(f"r{number}")
    assert len(cli("recordings", "list", "--page-size", "40").rows) == 101
    table = cli("recordings", "list", "--format", "table")
    assert len(table.out.splitlines()) == 101  # the header is one of them
    assert "there are more than 100; --limit shows more" in table.err


def test_a_filter_goes_to_the_server_and_its_complaint_comes_back(cli: Cli, api: ApiStandIn) -> None:
    """The server's words name the column."""
    api.keep("r1", company="northwind")
    api.keep("r2", company="contoso")
    assert [row["id"] for row in cli("recordings", "list", "--filter", "company:contoso").rows] == ["r2"]
    refused = cli("recordings", "list", "--filter", "companie:contoso")
    assert refused.code == Exit.FAILED
    assert "column 1" in refused.err
    assert refused.out == ""


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "value(id,request.status)"])
def test_stdout_is_pure_data_without_control_codes(cli: Cli, api: ApiStandIn, form: str) -> None:
    """In every form, where nobody is at a terminal, even with names that would steer one."""
    api.keep("r1", name="[red]Zo\u00eb\u001b[2J, \u4e16\u754c[/red]")
    done = cli("recordings", "list", "--format", form)
    assert done.code == Exit.OK
    assert done.err == ""
    unescaped = done.out if form != "csv" else done.out.replace("\x1b", "")  # a file's bytes are the name's own
    assert not CONTROL.search(unescaped)


def test_each_form_holds_the_recording(cli: Cli, api: ApiStandIn) -> None:
    """JSON is a list of the API's answers, JSON lines one each, CSV and values their fields."""
    kept = api.keep("r1", name='a "b", c')
    answer = kept.answer(whole=False)
    assert json.loads(cli("recordings", "list", "--format", "json").out) == [answer]
    assert cli("recordings", "list").rows == [answer]
    [row] = csv.DictReader(cli("recordings", "list", "--format", "csv").out.splitlines())
    assert (row["id"], row["name"], row["duration"], row["request.status"]) == ("r1", 'a "b", c', "108.091", "pending")
    values = cli("recordings", "list", "--format", "value(id, speakers.0.name, request.attempts)").out
    assert values == "r1\t\t1\n"
    table = cli("recordings", "list", "--format", "table").out.splitlines()
    assert table[0].split() == ["ID", "STARTED", "COMPANY", "NAME", "LENGTH", "STATUS", "RESULTS"]
    assert table[1].split() == 'r1 2026-03-01 11:58:00Z northwind a "b", c 1:48 pending waiting'.split()  # noqa: SIM905  # as it is read


def test_an_empty_list_says_so_to_a_person_alone(cli: Cli) -> None:
    """Stdout stays empty, or an empty list."""
    table = cli("recordings", "list", "--format", "table")
    assert (table.out, table.err) == ("", "no recordings; calltrack recordings add PATH adds some\n")
    assert json.loads(cli("recordings", "list", "--format", "json").out) == []


def test_options_of_all_commands_may_stand_on_either_side(cli: Cli, api: ApiStandIn) -> None:
    """Later words win."""
    api.keep("r1")
    assert cli("--format", "value(id)", "recordings", "list").out == "r1\n"
    assert cli("recordings", "--format", "csv", "list", "--format", "value(id)").code == Exit.USAGE
    assert cli("--format", "csv", "recordings", "list", "--format", "value(id)").out == "r1\n"


def test_one_recording_for_a_program_is_the_answer_of_the_api(cli: Cli, api: ApiStandIn) -> None:
    """`get --format json` changes nothing."""
    kept = api.keep("r1")
    shown = json.loads(cli("recordings", "get", "r1", "--format", "json").out)
    assert shown == kept.answer(whole=True)


def test_one_recording_for_a_person_is_its_story(cli: Cli, api: ApiStandIn) -> None:
    """Metadata, speakers, status, timeline and counts; what is unknown is left out."""
    api.keep("r1", FAILED[1:], name="Refund", speakers=[{"name": "Ana", "email": "ana@example.com", "role": "agent"}])
    done = cli("recordings", "get", "r1", "--format", "table")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "Refund"
    assert "Company northwind" in lines
    assert "Agent Ana <ana@example.com>" in lines
    assert "Status failed" in lines
    assert "Error no speech in it" in lines
    assert "2026-03-01 12:00:00Z pending added" in lines
    assert "messages 2" in lines
    assert not any(line.startswith("Service") for line in lines)


@pytest.mark.parametrize(
    ("how", "path"), [((), "txt"), *((("--as", suffix), suffix) for suffix in ("vtt", "srt", "md"))]
)
def test_a_transcript_is_written_as_the_server_renders_it(
    cli: Cli, api: ApiStandIn, how: tuple[str, ...], path: str
) -> None:
    """To a file the bytes go as they are; on a terminal, nothing that steers it."""
    api.keep("r1").now = DONE[0]
    assert cli("recordings", "transcript", "r1", *how).out == f"transcript.{path}: Zo\u00eb\x1b[31m\n"
    assert cli("recordings", "transcript", "r1", *how, tty=True).out == f"transcript.{path}: Zo\u00eb[31m\n"


def test_a_transcript_comes_as_data_too(cli: Cli, api: ApiStandIn) -> None:
    """JSON is the API's answer; lines, CSV and values have a row for each turn."""
    api.keep("r1")
    assert json.loads(cli("recordings", "transcript", "r1", "--as", "json").out) == TRANSCRIPT
    assert json.loads(cli("recordings", "transcript", "r1", "--format", "json").out) == TRANSCRIPT
    assert cli("recordings", "transcript", "r1", "--format", "jsonl").rows == TRANSCRIPT["turns"]
    assert cli("recordings", "transcript", "r1", "--format", "value(speaker.name,text)").out == (
        'Ana\tHello, "Northwind".\nBen\tHi.\n'
    )


def test_the_audio_is_written_to_a_file(cli: Cli, api: ApiStandIn, tmp_path: Path) -> None:
    """Byte for byte, from where the server says; that address gets no token."""
    api.keep("r1")
    cli.environ["CALLTRACK_TOKEN"] = "t0ken"
    file = tmp_path / "call.wav"

    done = cli("recordings", "audio", "r1", "--output", str(file))

    assert (done.code, done.out, file.read_bytes()) == (Exit.OK, "", AUDIO)
    assert f"{len(AUDIO)} bytes written to {file}" in done.err


@pytest.mark.parametrize(
    ("url", "exit_code"),
    [
        ("https://accounts.google.example/signin", Exit.REFUSED),
        ("http://127.0.0.1:9/a?X-Goog-Signature=0", Exit.UNAVAILABLE),
    ],
)
def test_audio_that_cannot_be_had_leaves_no_file(
    cli: Cli, api: ApiStandIn, tmp_path: Path, url: str, exit_code: Exit
) -> None:
    """A sign-in page is no recording, and neither is half of one."""
    api.keep("r1")
    api.audio_url = url

    done = cli("recordings", "audio", "r1", "--output", str(tmp_path / "call.wav"))

    assert done.code == exit_code
    assert list(tmp_path.iterdir()) == []


def test_a_transcript_that_is_not_there_yet_can_be_waited_for(cli: Cli, api: ApiStandIn) -> None:
    """The error names the command."""
    api.keep("r1", WHOLE_WAY)
    early = cli("recordings", "transcript", "r1")
    assert early.code == Exit.NOT_FOUND
    assert "There is no transcript yet" in early.err
    assert "try: calltrack recordings wait r1 " in early.err


def test_several_are_waited_for_together(cli: Cli, api: ApiStandIn) -> None:
    """One that does not exist is told, and the others are waited for: partial."""
    api.keep("r1", WHOLE_WAY)
    api.keep("r2", WHOLE_WAY)
    done = cli("recordings", "wait", "r1", "gone", "r2")
    assert done.code == Exit.PARTIAL
    assert [row["id"] for row in done.rows] == ["r1", "r2"]
    assert "error: gone: There is no such thing — " in done.err


def test_a_passing_fault_does_not_end_a_wait(cli: Cli, api: ApiStandIn) -> None:
    """A few 503 are sat out, each for as long as the server advises; too many end it."""
    api.keep("r1")
    refusal = problem(503)
    refusal.headers["Retry-After"] = "7"
    api.refusals = [refusal, refusal]
    assert cli("recordings", "wait", "r1").code == Exit.OK
    assert cli.time.naps == [0.0, 7.0, 7.0]
    api.refusals = [problem(503)] * 20
    assert cli("recordings", "wait", "r1").code == Exit.UNAVAILABLE
    assert len(api.refusals) == 20 - 6


def test_open_prints_the_page_and_shows_it_to_a_person(cli: Cli) -> None:
    """A program gets the address alone."""
    page = f"{cli.environ['CALLTRACK_SERVER']}/calls/r1"
    assert cli("recordings", "open", "r1").out == f"{page}\n"
    assert cli.opened == []
    assert cli("recordings", "open", "r1", tty=True).out == f"{page}\n"
    assert cli.opened == [page]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (problem(400), Exit.FAILED),
        (problem(400, code="FAILED_PRECONDITION"), Exit.CONFLICT),
        (problem(401), Exit.REFUSED),
        (problem(404), Exit.NOT_FOUND),
        (problem(409), Exit.CONFLICT),
        (problem(500), Exit.FAILED),
        (problem(503), Exit.UNAVAILABLE),
        (Response("<html>", status=302, headers={"Location": "https://accounts.example.com/"}), Exit.REFUSED),
        (Response("<html>Forbidden", status=403), Exit.REFUSED),
        (Response("Rate exceeded.", status=429), Exit.RATE_LIMITED),
        (Response("<html>Bad gateway", status=502), Exit.UNAVAILABLE),
        (Response("<html>Welcome to another server", status=200), Exit.FAILED),
        (Response("[]", status=200), Exit.FAILED),
    ],
    ids=lambda value: value.status if isinstance(value, Response) else value.name,
)
def test_each_answer_has_its_exit_code(cli: Cli, api: ApiStandIn, refusal: Response, code: Exit) -> None:
    """The API's, and those of whatever stands before it; one line, nothing on stdout."""
    api.refusals = [refusal]
    done = cli("recordings", "list", "--format", "table")
    assert done.code == code
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
    assert done.out == ""


def test_an_error_names_what_why_the_mend_and_the_request(cli: Cli) -> None:
    """In that order."""
    assert re.fullmatch(
        r"error: There is no such thing — There is no recording 'gone'; .*\. — try: calltrack recordings list "
        r"\(request 0123456789abcdef\)\n",
        cli("recordings", "get", "gone").err,
    )


def test_the_error_of_a_program_is_the_document_of_the_api(cli: Cli) -> None:
    """Every field of it, on stderr."""
    done = cli("recordings", "get", "gone", "--format", "json")
    [given] = done.problems
    assert {"type", "title", "status", "detail", "code", "reason", "errors", "request_id"} <= set(given)
    assert (given["status"], given["code"], done.out) == (404, "NOT_FOUND", "")


def test_a_server_that_is_not_there_is_named(cli: Cli, api: ApiStandIn) -> None:
    """With the way to start it."""
    api.close()
    assert cli("recordings", "wait", "r1").code == Exit.UNAVAILABLE
    assert sum(cli.time.naps) == 0  # what was never there is not waited for
    done = cli("recordings", "list")
    assert done.code == Exit.UNAVAILABLE
    assert done.err == f"error: Server not reached — {api.url}: Connection refused — try: make run, or --server URL\n"


def test_the_token_comes_from_the_environment_alone(cli: Cli, api: ApiStandIn) -> None:
    """It is sent as a bearer's, and there is no flag that would show it in a list of processes."""
    cli.environ["CALLTRACK_TOKEN"] = "s3cret"
    cli("recordings", "list")
    assert api.requests[-1].headers["Authorization"] == "Bearer s3cret"
    assert cli("--token", "s3cret", "recordings", "list").code == Exit.USAGE


@pytest.mark.parametrize("id_", ["..", "a/b", "r1?x=1", ""])
def test_an_id_cannot_lead_elsewhere(cli: Cli, api: ApiStandIn, id_: str) -> None:
    """What is no id is refused before it becomes part of a URL."""
    assert cli("recordings", "get", id_).code == Exit.USAGE
    assert api.requests == []


@pytest.mark.parametrize("server", ["localhost:8080", "ftp://example.com", "http://", "http://example.com:port"])
def test_an_address_that_is_none_is_a_usage_error(cli: Cli, server: str) -> None:
    """With an example of one."""
    done = cli("--server", server, "recordings", "list")
    assert done.code == Exit.USAGE
    assert "try: --server http://127.0.0.1:8080" in done.err


def test_colours_come_when_asked_for(cli: Cli, api: ApiStandIn) -> None:
    """--color wins; NO_COLOR and a stream that is no terminal mean none."""
    api.keep("r1").now = ("failed", "failed")
    assert "\x1b[31m" in cli("recordings", "list", "--format", "table", "--color", "always").out
    assert "\x1b[31m" in cli("recordings", "list", tty=True).out
    cli.environ["NO_COLOR"] = "1"
    assert "\x1b[" not in cli("recordings", "list", tty=True).out
