"""The options that every command takes, before or after its name, and what follows from them."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from deploy.cli.formats import Format, printable
from deploy.cli.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.cli.api import Api
    from deploy.cli.exits import Exit
    from deploy.cli.problems import Problem
    from deploy.cli.progress import Progress

DEFAULT_SERVER = "http://127.0.0.1:8080"
DEFAULT_TIMEOUT_S = 120.0
_KEY = "calltrack.settings"

Command = TypeVar("Command", bound=click.Command)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What the person asked for, with what the surroundings say where nobody asked."""

    around: Surroundings
    server: str | None = None
    format: Format | None = None
    quiet: bool = False
    color: str = "auto"
    progress: str = "auto"
    timeout: float = DEFAULT_TIMEOUT_S

    def api(self) -> Api:
        """The server, ready to be asked."""
        from deploy.cli.api import Api, is_loopback  # noqa: PLC0415  # requests costs 0.2 s, and --help needs none

        server = self.server_url()
        token = self.around.environ.get("CALLTRACK_TOKEN") or None
        if token and server.startswith("http://") and not is_loopback(server):
            self.say(f"warning: the token goes to {server} unencrypted; use https://")
        return Api(server, token=token, timeout=self.timeout)

    def server_url(self) -> str:
        """The server's address, without a slash at its end."""
        from deploy.cli.api import checked_server  # noqa: PLC0415  # as above

        return checked_server(self.server or self.around.environ.get("CALLTRACK_SERVER") or DEFAULT_SERVER)

    def form(self) -> Format:
        """How data is written: as asked, else a table for a person and JSON lines for a program."""
        return self.format or Format("table" if self.around.stdout.isatty() else "jsonl")

    @property
    def for_programs(self) -> bool:
        """Whether stderr, too, is read by a program."""
        return self.format is not None and self.format.kind in {"json", "jsonl"}

    def colour(self, stream: TextIO) -> bool:
        """Whether `stream` gets colours (https://no-color.org)."""
        if self.color != "auto":
            return self.color == "always"
        environ = self.around.environ
        return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"

    def shown(self, labels: Mapping[str, str], *, waits: bool) -> Progress:
        """The progress to show of `labels` (by key); by itself none where nobody reads it."""
        from deploy.cli.progress import progress  # noqa: PLC0415  # --help shows none

        mode = self.progress
        person = self.around.stderr.isatty()
        if mode == "auto" and (self.quiet or self.for_programs or not (waits or person)):
            mode = "none"
        out = self.around.stderr
        return progress(mode, labels, out=out, colour=self.colour(out), clock=self.around.clock)

    def say(self, line: str, *, say: Callable[[str], None] | None = None) -> None:
        """Talk, on stderr (or through `say`, where something else holds the screen); data goes to stdout."""
        if not self.quiet and not self.for_programs:
            (say or self.print)(printable(line))

    def print(self, line: str) -> None:
        """A line on stderr."""
        print(line, file=self.around.stderr, flush=True)

    def command(self, *arguments: str) -> str:
        """A command line to copy: the program as it was called (./calltrack says how), and the same server."""
        program = self.around.environ.get("CALLTRACK_PROGRAM") or "calltrack"
        return shlex.join([program, *(["--server", self.server] if self.server else []), *arguments])


def complain(problem: Problem, settings: Settings, *, say: Callable[[str], None] | None = None) -> Exit:
    """Say what went wrong: a line for a person, the problem+json for a program; the exit code that it calls for."""
    say = say or settings.print
    if settings.for_programs:
        say(json.dumps(problem.as_json(), ensure_ascii=False))
    else:
        word = click.style("error:", fg="red", bold=True) if settings.colour(settings.around.stderr) else "error:"
        say(f"{word} {printable(problem.line())}")
    return problem.exit


def settings_of(context: click.Context) -> Settings:
    """The settings as far as the command line has been read."""
    kept: Settings | None = context.meta.get(_KEY)
    return kept or Settings(around=context.find_root().obj)


class FormatType(click.ParamType[Format]):
    """table|json|jsonl|csv|value(FIELD,...)."""

    name = "format"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002  # click's signature
        """As help shows it."""
        return "table|json|jsonl|csv|value(FIELD)"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Format:  # noqa: ANN401
        """From the command line."""
        try:
            return value if isinstance(value, Format) else Format.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401  # any option's
    """Later words win: an option after the verb over the same before it."""
    if value is not None and parameter.name:
        context.meta[_KEY] = dataclasses.replace(settings_of(context), **{parameter.name: value})


_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--server",), {"metavar": "URL", "help": f"The server. [env CALLTRACK_SERVER; default {DEFAULT_SERVER}]"}),
    (("--format",), {"type": FormatType(), "help": "How data is written. [default: table on a terminal, else jsonl]"}),
    (("--quiet", "-q"), {"is_flag": True, "default": None, "help": "Say nothing but errors."}),
    (("--color",), {"type": click.Choice(["auto", "always", "never"]), "help": "Colours. [default: auto; NO_COLOR]"}),
    (
        ("--progress",),
        {
            "type": click.Choice(["auto", "bar", "plain", "json", "none"]),
            "help": "How progress is shown on stderr. [default: auto]",
        },
    ),
    (
        ("--timeout",),
        {
            "type": click.FloatRange(min=0, min_open=True),
            "metavar": "S",
            "help": f"Seconds to wait for one answer of the server. [default: {DEFAULT_TIMEOUT_S:g}]",
        },
    ),
)


def common_options(*, hidden: bool = True, timeout: bool = True) -> Callable[[Command], Command]:
    """Give a command the options that all have; unset `timeout` where the command has one of its own meaning."""

    def add(command: Command) -> Command:
        command.params += [
            click.Option(names, hidden=hidden, expose_value=False, callback=_keep, **details)
            for names, details in _OPTIONS
            if timeout or "--timeout" not in names
        ]
        return command

    return add
