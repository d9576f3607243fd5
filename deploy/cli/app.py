"""The program: its help, its globals, and how it ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from deploy.cli import VERSION, surroundings
from deploy.cli.doctor import doctor
from deploy.cli.exits import Exit
from deploy.cli.problems import INTERRUPTED, CommandFailed, Problem
from deploy.cli.recordings import recordings
from deploy.cli.settings import Settings, common_options, complain, settings_of
from deploy.cli.shapes import Group
from deploy.cli.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.cli.surroundings import Surroundings

PROGRAM = "calltrack"


@common_options(hidden=False)
@click.group(
    cls=Group,
    examples=(
        "calltrack recordings add call.wav --company northwind",
        "calltrack recordings list --filter status:failed",
        "calltrack recordings transcript ID --as vtt > call.vtt",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(VERSION, prog_name=PROGRAM, message="%(prog)s %(version)s")
def program() -> None:
    """Call recordings in; transcripts and what was said out.

    Data goes to stdout, everything else to stderr. The options below may also stand after the command. The token of a
    server that wants one comes from the environment: CALLTRACK_TOKEN.
    """


@program.command("help", examples=("calltrack help exit-codes", "calltrack help recordings add"))
@click.argument("topic", nargs=-1)
@click.pass_context
def help_(context: click.Context, topic: tuple[str, ...]) -> None:
    """Explain a command, or the exit-codes."""
    if topic == ("exit-codes",):
        for code in Exit:
            click.echo(f"{code:>3}  {code.meaning}")
        return
    command: click.Command = program
    at = context.find_root()
    for word in topic:
        found = command.get_command(at, word) if isinstance(command, click.Group) else None
        if found is None:
            known = [*(command.commands if isinstance(command, click.Group) else ()), "exit-codes"]
            raise click.exceptions.NoSuchCommand(word, possibilities=known, ctx=context)
        command, at = found, click.Context(found, info_name=word, parent=at)
    click.echo(command.get_help(at))


program.add_command(recordings)
program.add_command(tokens)
program.add_command(doctor)


def main(arguments: Sequence[str] | None = None, around: Surroundings | None = None) -> int:
    """Run one command line; its exit code."""
    around = around or surroundings.real()
    settings = Settings(around=around)
    try:
        given = sys.argv[1:] if arguments is None else list(arguments)
        with program.make_context(PROGRAM, given, obj=around) as context:
            try:
                program.invoke(context)
            finally:
                settings = settings_of(context)
        around.stdout.flush()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show(around.stderr)
        return Exit.USAGE
    except click.ClickException as error:
        return complain(_of_click(error), settings)
    except CommandFailed as error:
        return complain(error.problem, settings)
    except (KeyboardInterrupt, click.Abort):
        return complain(INTERRUPTED, settings)
    except BrokenPipeError:  # whoever read stdout has had enough; Python must not try to flush it once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), around.stdout.fileno())
    return Exit.OK


def _of_click(error: click.ClickException) -> Problem:
    """A wrong command line, in our words: what, why, and where to read on."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    return Problem(
        title="Command line not understood",
        detail=error.format_message(),
        mend=f"{path} --help",
        exit=Exit.USAGE,
        code="INVALID_ARGUMENT",
    )
