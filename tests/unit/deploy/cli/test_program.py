"""The program as it is started: from a shell, in a terminal, with signals."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.cli import VERSION
from deploy.cli.exits import Exit
from tests.unit.deploy.cli.stand_in import DONE, WHOLE_WAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.deploy.cli.conftest import Cli
    from tests.unit.deploy.cli.stand_in import ApiStandIn

ROOT = Path(__file__).parents[4]
SCRIPT = ROOT / "calltrack"


def start(*arguments: str, server: str = "", cwd: Path = ROOT, **streams: int) -> subprocess.Popen[str]:
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "CALLTRACK_SERVER": server, "TERM": "xterm"}
    # A terminal's Ctrl-C, even where whoever runs the tests (nohup, a shell's background job) ignores it.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "deploy.cli", *arguments], text=True, cwd=cwd, env=environ, **given
        )  # type: ignore[call-overload]  # streams by name
    finally:
        signal.signal(signal.SIGINT, before)


def run(*arguments: str, server: str = "") -> tuple[int, str, str]:
    process = start(*arguments, server=server)
    out, err = process.communicate(timeout=20)
    return process.returncode, out, err


def test_exit_codes_are_pinned() -> None:
    """Scripts rely on them."""
    pinned = {
        "OK": 0, "FAILED": 1, "USAGE": 2, "PARTIAL": 3, "NOT_FOUND": 4, "REFUSED": 5, "CONFLICT": 6,
        "RATE_LIMITED": 7, "UNAVAILABLE": 8, "TIMED_OUT": 9, "INTERRUPTED": 130,
    }  # fmt: skip
    assert {code.name: int(code) for code in Exit} == pinned


def test_exit_codes_are_explained_by_the_program_and_in_the_docs(capsys: pytest.CaptureFixture[str], cli: Cli) -> None:
    """Each with the same words."""
    assert cli("help", "exit-codes").code == 0
    told = capsys.readouterr().out
    documented = (ROOT / "docs/cli.md").read_text()
    for code in Exit:
        assert f"{code:>3}  {code.meaning}\n" in told
        assert f"| {int(code)} | {code.meaning} |" in documented


def test_the_version_is_the_project_s(capsys: pytest.CaptureFixture[str], cli: Cli) -> None:
    """pyproject.toml has the last word."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cli("--version").code == 0
    assert project["version"] == VERSION
    assert capsys.readouterr().out == f"calltrack {VERSION}\n"


def test_help_loads_nothing_heavy() -> None:
    """It is asked for often, and by completion: neither the HTTP client nor the screen is imported for it."""
    heavy = ["requests", "rich", "urllib3", "deploy.cli.api", "deploy.cli.batch", "asyncio", "common", "functions"]
    code = (
        "import sys; from deploy.cli.app import main\n"
        "assert main(['--help']) == 0 and main(['recordings', 'add', '--help']) == 0\n"
        f"print('loaded:', *[name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize("command", [["--help"], ["recordings", "-h"], ["recordings", "wait", "--help"]])
def test_help_leads_with_examples(capsys: pytest.CaptureFixture[str], cli: Cli, command: list[str]) -> None:
    """What it does, how it is used in practice, then the options."""
    assert cli(*command).code == 0
    text = capsys.readouterr().out
    assert text.index("Examples:\n  calltrack recordings ") < text.index("Usage: calltrack") < text.index("Options:")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["recordngs"], "'recordings'"),
        (["recordings", "lst"], "'list'"),
        (["recordings", "list", "--fliter", "x"], "'--filter'"),
        (["help", "exit-code"], "'exit-codes'"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(cli: Cli, typed: list[str], meant: str) -> None:
    """One line, exit code 2, and where to read on."""
    done = cli(*typed)
    assert done.code == Exit.USAGE
    assert re.fullmatch(rf"error: .*Did you mean .*{meant}.* — try: calltrack.* --help\n", done.err)


def test_the_command_line_alone_shows_its_help(cli: Cli) -> None:
    """As an error, since nothing was asked for: stdout stays clean."""
    done = cli()
    assert (done.code, done.out) == (Exit.USAGE, "")
    assert "Examples:" in done.err


def test_the_script_runs_from_any_folder(tmp_path: Path, api: ApiStandIn) -> None:
    """File arguments are the caller's, the program is the repository's, whatever lies in the caller's folder."""
    (tmp_path / "mine.wav").write_bytes(b"mine")
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "__init__.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "click.py").write_text("raise SystemExit('nor this one')")
    link = tmp_path / "linked"
    link.symlink_to(SCRIPT)
    done = subprocess.run(
        [link, "--server", api.url, "recordings", "add", "mine.wav", "--company", "northwind"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, api.uploads) == (0, [b"mine"]), done.stderr
    assert f"next: {link} --server {api.url} recordings wait r" in done.stderr


def test_the_script_says_how_to_set_up(tmp_path: Path) -> None:
    """Without the environment there is nothing to run."""
    copy = shutil.copy(SCRIPT, tmp_path / "calltrack")
    done = subprocess.run([copy, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", 'calltrack: run "make run" first\n')


def test_a_real_interrupt_ends_the_wait_and_not_the_work(api: ApiStandIn) -> None:
    """SIGINT: exit code 130, pure data on stdout, the command that resumes on stderr, no traceback."""
    api.keep("r1", WHOLE_WAY[3:4])
    process = start("recordings", "wait", "r1", server=api.url)
    assert api.looked.wait(20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == Exit.INTERRUPTED
    assert err.splitlines()[-1] == "error: Interrupted — 1 at work, which goes on — try: calltrack recordings wait r1"
    assert "Traceback" not in err
    assert out.count("\n") in {0, 1}


def test_a_real_interrupt_while_sending_says_what_was_not_sent(api: ApiStandIn, tmp_path: Path) -> None:
    """What was added goes on; the rest is for the same command once more."""
    for name in ("a.wav", "b.wav", "c.wav"):
        (tmp_path / name).write_bytes(name.encode())
    answered = threading.Event()
    second = threading.Event()

    def hold_the_second() -> None:
        if len(api.requests) == 2:
            second.set()
            answered.wait(20)

    api.meanwhile = hold_the_second
    process = start("recordings", "add", str(tmp_path), "--company", "northwind", server=api.url)
    assert second.wait(20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    answered.set()
    assert process.returncode == Exit.INTERRUPTED
    [id_] = (json.loads(line)["id"] for line in out.splitlines())
    assert err.splitlines()[-1] == (
        "error: Interrupted — 1 at work, which goes on; 2 not sent; repeat the command to send the rest — "
        f"try: calltrack recordings wait {id_}"
    )


def test_a_reader_that_has_had_enough_is_no_error(api: ApiStandIn) -> None:
    """`calltrack recordings list | head -1`."""
    for number in range(500):
        api.keep(f"r{number}")
    process = start("recordings", "list", server=api.url)
    assert process.stdout
    assert process.stderr
    assert '"r0"' in process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_a_terminal_shows_bars_and_a_table(api: ApiStandIn, terminal: tuple[int, int], tmp_path: Path) -> None:
    """By itself a person's command waits, draws a line per recording in place, and ends with a table in colour."""
    ours, theirs = terminal
    api.script = DONE
    for name in ("first.wav", "second.wav"):
        (tmp_path / name).write_bytes(name.encode())
    process = start(
        "recordings", "add", "first.wav", "second.wav", "--company", "northwind",
        server=api.url, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # Linux's way of telling that the other end is closed
        pass
    assert process.wait(20) == 0
    text = seen.decode()
    assert "\x1b[?25l" in text  # the cursor is hidden while the bars are drawn
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # and comes back
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for name in ("first.wav", "second.wav"):
        for stage in ("sending", "pending", "results complete"):
            assert re.search(rf"{name} +[━╺╸]+ +{stage}", plain)
    assert "STATUS" in plain[plain.rindex("results complete") :]
    assert "\x1b[32mcompleted" in text
