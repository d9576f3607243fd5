"""`calltrack recordings ...`: add, list, get, transcript, wait, replay, delete, share, open."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from deploy.cli import formats, sources
from deploy.cli.exits import Exit, combined
from deploy.cli.formats import Format
from deploy.cli.problems import CommandFailed, Problem, usage
from deploy.cli.settings import Settings, common_options, settings_of
from deploy.cli.shapes import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deploy.cli.batch import Batch

TABLE_LIMIT = 100
MAX_PAGE_SIZE = 1000
_GLOBALS = "Options of all commands: calltrack --help"


class RecordingId(click.ParamType[str]):
    """An id as the API gives it."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401  # click's
        """Refuse what can be no id before it becomes part of a URL."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value):
            self.fail(f"{value!r} is no recording's id", param, ctx)
        return str(value)


class Instant(click.ParamType[str]):
    """A moment with its offset from UTC."""

    name = "rfc3339"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401  # click's
        """Refuse a moment that could mean several."""
        try:
            offset = datetime.fromisoformat(value).utcoffset()
        except ValueError:
            offset = None
        if offset is None:
            self.fail(f"{value!r} is no moment with an offset, such as 2026-11-22T14:05:00-05:00", param, ctx)
        return str(value).replace(" ", "T")


@click.group(
    cls=Group,
    examples=(
        "calltrack recordings add ./calls --company northwind --wait",
        "calltrack recordings get ID",
        "calltrack recordings transcript ID",
    ),
)
def recordings() -> None:
    """Add recordings, follow them, read what was said."""


@common_options(timeout=False)
@recordings.command(
    epilog=_GLOBALS,
    examples=(
        "calltrack recordings add call.wav --company northwind",
        "calltrack recordings add ./calls --metadata northwind.json --priority backfill --no-wait",
        "calltrack recordings add gs://BUCKET/2026/call.flac --company northwind --agent-name 'Ana Reyes' --wait",
    ),
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option("--company", help="Whose call it is.")
@click.option(
    "--metadata", "metadata_file", type=click.Path(path_type=Path), metavar="FILE.json",
    help="Metadata for all of them; without it PATH.metadata.json beside each. The flags here win over files.",
)  # fmt: skip
@click.option("--name", help="The conversation's name. [default: the file's]")
@click.option("--agent-name")
@click.option("--agent-email")
@click.option("--customer-name")
@click.option("--customer-email")
@click.option("--started-at", type=Instant(), help="When it took place, with an offset: 2026-11-22T14:05:00-05:00.")
@click.option("--language", "language_code", help="Such as en-US.")
@click.option("--direction", type=click.Choice(["inbound", "outbound"]))
@click.option("--priority", type=click.Choice(["live", "backfill"]), help="Live calls go first. [default: live]")
@click.option("--allow-duplicate", is_flag=True, default=None, help="Add it even where the same audio is known.")
@click.option("--number-of-speakers", type=click.IntRange(1, 10))
@click.option(
    "--separate-channels/--no-separate-channels", default=None, help="Whether each speaker has a channel of their own."
)
@click.option("--wait/--no-wait", "waits", default=None, help="Wait for the results. [default: on a terminal]")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="S", help="Seconds to wait for the results at most.")
@click.pass_context
def add(  # one parameter per flag
    context: click.Context,
    /,
    paths: tuple[str, ...],
    metadata_file: Path | None,
    agent_name: str | None,
    agent_email: str | None,
    customer_name: str | None,
    customer_email: str | None,
    waits: bool | None,  # noqa: FBT001  # click's
    timeout: float | None,
    **fields: Any,  # noqa: ANN401  # the metadata fields that the API checks
) -> None:
    """Add recordings: files, folders of them, or gs:// and https:// URLs.

    The same audio is added once per company: repeating a command is safe.
    """
    settings = settings_of(context)
    flags = {name: value for name, value in fields.items() if value is not None}
    speakers = sources.speaker_flags(
        agent={"name": agent_name, "email": agent_email}, customer={"name": customer_name, "email": customer_email}
    )
    flags |= {"speakers": speakers} if speakers else {}
    common = sources.read_metadata(metadata_file) if metadata_file else None
    waits = settings.around.stdout.isatty() if waits is None else waits
    found = list(sources.expand(paths))
    labels = {one.place: one.label for one in found if isinstance(one, sources.Source)}
    with _batch(settings, labels, waits=waits) as batch:
        for one in found:
            if isinstance(one, Problem):
                batch.fail(one.about or "", one)
        batch.add([one for one in found if isinstance(one, sources.Source)], common=common, flags=flags)
        if waits:
            batch.follow(timeout=timeout)
    if batch.places and not waits:
        settings.say(f"next: {batch.resume_command()}")
    context.exit(batch.code)


@common_options(timeout=False)
@recordings.command(
    epilog=_GLOBALS, examples=("calltrack recordings wait ID", "calltrack recordings wait ID ID --timeout 600")
)
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=RecordingId())
@click.option("--timeout", type=click.FloatRange(min=0), metavar="S", help="Seconds to wait at most. [default: no end]")
@click.pass_context
def wait(context: click.Context, ids: tuple[str, ...], timeout: float | None) -> None:
    """Wait until recordings are analysed and their results are there."""
    labels = {id_: id_ for id_ in ids}
    with _batch(settings_of(context), labels, waits=True) as batch:
        batch.places = {id_: [id_] for id_ in labels}
        batch.follow(timeout=timeout)
    context.exit(batch.code)


@contextlib.contextmanager
def _batch(settings: Settings, labels: Mapping[str, str], *, waits: bool) -> Iterator[Batch]:
    """A batch with its progress on the screen; however it ends, what is known of its recordings is written."""
    from deploy.cli.batch import Batch  # noqa: PLC0415  # --help stays quick

    shown = settings.shown(labels, waits=waits)
    batch = Batch(settings=settings, api=settings.api(), shown=shown)
    try:
        with shown:
            yield batch
    finally:
        if batch.answers:
            _write(settings, batch.answers.values())


@common_options()
@recordings.command(
    "list",
    epilog=_GLOBALS,
    examples=(
        "calltrack recordings list",
        "calltrack recordings list --filter 'company:northwind status:failed' --format csv",
        "calltrack recordings list --limit 10 --format 'value(id,request.status)'",
    ),
)
@click.option(
    "--filter",
    "filter_",
    metavar="FILTER",
    help="As in the search box: refund agent:brooks after:2026-11-01 -tracker:disclosure.",
)
@click.option(
    "--order-by",
    metavar="ORDER",
    help="started_at, created_at, duration or sentiment, each with desc if wanted. [default: started_at desc]",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help=f"At most so many. [default: {TABLE_LIMIT} in a table, else all]"
)
@click.option("--page-size", type=click.IntRange(1, MAX_PAGE_SIZE), default=100, help="How many to ask for at a time.")
@click.pass_context
def list_(context: click.Context, filter_: str | None, order_by: str | None, limit: int | None, page_size: int) -> None:
    """List recordings, the latest first."""
    settings = settings_of(context)
    api = settings.api()
    capped = limit is None and settings.form().kind == "table"
    rows = api.recordings(
        filter_=filter_, order_by=order_by, limit=TABLE_LIMIT + 1 if capped else limit, page_size=page_size
    )
    if not capped:
        _write(settings, rows)
        return
    listed = list(rows)
    _write(settings, listed[:TABLE_LIMIT])
    if not listed:
        settings.say("no recordings" + (f" with {filter_}" if filter_ else "; calltrack recordings add PATH adds some"))
    if len(listed) > TABLE_LIMIT:
        settings.say(f"there are more than {TABLE_LIMIT}; --limit shows more")


@common_options()
@recordings.command(
    epilog=_GLOBALS,
    examples=("calltrack recordings get ID", "calltrack recordings get ID --format json | jq .results.topics"),
)
@click.argument("recording_id", metavar="ID", type=RecordingId())
@click.pass_context
def get(context: click.Context, recording_id: str) -> None:
    """Show one recording: what is known of it, how far it is, how much was found."""
    from deploy.cli.details import describe  # noqa: PLC0415  # --help stays quick

    settings = settings_of(context)
    recording = settings.api().get(recording_id)
    if settings.form().kind == "table":
        out = settings.around.stdout
        describe(recording, out=out, colour=settings.colour(out))
    else:
        _write(settings, [recording], many=False)


@common_options()
@recordings.command(epilog=_GLOBALS, examples=("calltrack recordings reindex",))
@click.pass_context
def reindex(context: click.Context) -> None:
    """Make the search index and the statistics anew from what is stored; safe to run again, and while calls come in."""
    settings = settings_of(context)
    count = 0
    for found in settings.api().reindex():
        count += found
        settings.say(f"{count} recordings indexed")


@common_options()
@recordings.command(
    epilog=_GLOBALS,
    examples=(
        "calltrack recordings transcript ID",
        "calltrack recordings transcript ID --as vtt > call.vtt",
        "calltrack recordings transcript ID --format csv",
    ),
)
@click.argument("recording_id", metavar="ID", type=RecordingId())
@click.option(
    "--as", "rendering", type=click.Choice(["txt", "json", "vtt", "srt", "md"]),
    help="The file to write. [default: txt, or the turns as --format says]",
)  # fmt: skip
@click.pass_context
def transcript(context: click.Context, recording_id: str, rendering: str | None) -> None:
    """Write what was said, turn by turn."""
    settings = settings_of(context)
    api = settings.api()
    out = settings.around.stdout
    if rendering is None and settings.format is None:
        rendering = "txt"
    if rendering in {None, "json"}:
        answer = api.transcript(recording_id)
        form = Format("json") if rendering else settings.form()
        rows = [answer] if form.kind == "json" else answer["turns"]
        formats.write(
            rows,
            form=form,
            columns=formats.TURN_COLUMNS,
            out=out,
            colour=settings.colour(out),
            many=form.kind != "json",
        )
        return
    text = api.transcript_file(recording_id, str(rendering))
    out.write(formats.printable(text, keep="\n") if out.isatty() else text)


@common_options()
@recordings.command(epilog=_GLOBALS, examples=("calltrack recordings audio ID --output call.wav",))
@click.argument("recording_id", metavar="ID", type=RecordingId())
@click.option(
    "--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", required=True,
    help="Where to write it.",
)  # fmt: skip
@click.pass_context
def audio(context: click.Context, recording_id: str, output: Path) -> None:
    """Write the recording itself, byte for byte as it was analysed."""
    settings = settings_of(context)
    part = output.with_name(f"{output.name}.part")  # what is half of it never has its name
    try:
        with settings.api().audio(recording_id) as pieces, part.open("wb") as file:
            size = sum(file.write(piece) for piece in pieces)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    settings.say(f"{size} bytes written to {output}")


@common_options()
@recordings.command(
    epilog=_GLOBALS,
    examples=(
        "calltrack recordings replay ID --reason 'the engine was out of disk'",
        "calltrack recordings replay --filter 'company:northwind' --failure-class defect --reason WHY --dry-run",
        "calltrack recordings replay ID --from-stage collect --reason 'its summary is missing'",
    ),
)
@click.argument("ids", metavar="[ID...]", nargs=-1, type=RecordingId())
@click.option("--filter", "filter_", metavar="FILTER", help="As in list; those that failed where it names no status.")
@click.option("--failure-class", metavar="CLASS", help="Those that failed so: recording, defect ...")
@click.option(
    "--from-stage", type=click.Choice(["submit", "collect"]), default="submit", show_default=True,
    help="Analyse anew, or only fetch results that are missing.",
)  # fmt: skip
@click.option("--reason", required=True, help="Why; it is kept with the recording.")
@click.option("--dry-run", is_flag=True, help="Say what would be replayed, and do nothing.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option("--wait", "waits", is_flag=True, help="Wait for the results.")
@click.pass_context
def replay(  # one parameter per flag
    context: click.Context,
    /,
    ids: tuple[str, ...],
    filter_: str | None,
    failure_class: str | None,
    from_stage: str,
    reason: str,
    *,
    dry_run: bool,
    yes: bool,
    waits: bool,
) -> None:
    """Run failed recordings again, once their cause is mended.

    Says how many they are and asks before anything is done.
    """
    from deploy.cli.replaying import Order, Replaying, count_line  # noqa: PLC0415  # --help stays quick

    settings = settings_of(context)
    order = Order.of(ids, filter_=filter_, failure_class=failure_class, from_stage=from_stage, reason=reason)
    replaying = Replaying(order, settings=settings, api=settings.api())
    replaying.plan()
    settings.say(count_line(replaying))
    count = len(replaying.replayed)
    if count and not dry_run:
        if not yes:
            replaying.confirm()
        replaying.run(most=count)
    if not (waits and count and not dry_run):
        _write(settings, replaying.rows, columns=formats.REPLAY_COLUMNS)
        if replaying.replayed:
            settings.say(f"next: {replaying.next_command(planned=dry_run)}")
        context.exit(replaying.code)
    with _batch(settings, {id_: id_ for id_ in replaying.replayed}, waits=True) as batch:
        batch.places = {id_: [id_] for id_ in replaying.replayed}
        batch.follow(timeout=None)
    context.exit(combined([*batch.exits.values(), *(code for code in replaying.exits if code is not Exit.OK)]))


@common_options()
@recordings.command(
    epilog=_GLOBALS,
    examples=(
        "calltrack recordings delete ID --reason 'the customer asked for it'",
        "calltrack recordings delete ID --reason 'ticket 4711' --yes",
    ),
)
@click.argument("recording_id", metavar="ID", type=RecordingId())
@click.option("--reason", required=True, help="Why; it is kept, so name a ticket rather than a person.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_context
def delete(context: click.Context, /, recording_id: str, reason: str, *, yes: bool) -> None:
    """Delete a recording for good: audio, transcript, results, and what the engine keeps.

    Run again, it goes on where it was stopped.
    """
    settings = settings_of(context)
    api = settings.api()
    if not yes:
        _confirm_deletion(recording_id, reason, settings)
    answer = api.delete(recording_id, reason)
    _write(settings, [answer], columns=formats.DELETION_COLUMNS, many=False)
    left = [duty for duty in answer["owed"] if duty != "last_look"]
    if left:
        settings.say(f"found nowhere any more; the sweep goes on with: {', '.join(left)}")


def _confirm_deletion(recording_id: str, reason: str, settings: Settings) -> None:
    """Ask; only the whole id is a yes.

    Raises:
        CommandFailed: where the answer is another, or nobody is there to answer.
    """
    answer = settings.around.ask(f"this cannot be undone; type {recording_id} to delete it: ")
    if answer is None:
        again = settings.command("recordings", "delete", recording_id, "--reason", reason, "--yes")
        raise usage("Not deleted", "nobody is at the terminal to say yes", mend=again)
    if answer.strip() != recording_id:
        detail = "the answer was not the recording's id; nothing was changed"
        raise CommandFailed(Problem(title="Not deleted", detail=detail, exit=Exit.FAILED, code="CANCELLED"))


@common_options()
@recordings.command(
    epilog=_GLOBALS,
    examples=(
        "calltrack recordings share ID",
        "calltrack recordings share ID --no-transcript --format 'value(url)'",
        "calltrack recordings share ID --format 'value(iframe)'",
    ),
)
@click.argument("recording_id", metavar="ID", type=RecordingId())
@click.option("--transcript/--no-transcript", default=True, help="Whether the page has the transcript.")
@click.pass_context
def share(context: click.Context, recording_id: str, transcript: bool) -> None:  # noqa: FBT001  # click's
    """Make a link to a recording's summary page, for readers outside.

    Whoever has the link can read the page until it expires.
    """
    settings = settings_of(context)
    shared = settings.api().share(recording_id, transcript=transcript)
    if settings.form().kind != "table":
        _write(settings, [shared], columns=formats.SHARE_COLUMNS, many=False)
        return
    print(shared["url"], file=settings.around.stdout)
    settings.say(
        f"it works until {formats.moment(shared['expires_at'])}" if shared["expires_at"] else "it never expires"
    )
    settings.say(f"to embed it: {formats.printable(shared['iframe'])}")


@common_options()
@recordings.command("open", epilog=_GLOBALS, examples=("calltrack recordings open ID",))
@click.argument("recording_id", metavar="ID", type=RecordingId())
@click.option("--browser/--no-browser", default=None, help="Show it in a browser. [default: on a terminal]")
@click.pass_context
def open_(context: click.Context, recording_id: str, browser: bool | None) -> None:  # noqa: FBT001  # click's
    """Print the address of a recording's page, and show the page."""
    settings = settings_of(context)
    url = f"{settings.server_url()}/calls/{recording_id}"
    print(url, file=settings.around.stdout)
    if settings.around.stdout.isatty() if browser is None else browser:
        settings.around.open_page(url)


def _write(
    settings: Settings,
    rows: Iterable[dict[str, Any]],
    *,
    columns: tuple[formats.Column, ...] = formats.RECORDING_COLUMNS,
    many: bool = True,
) -> None:
    out = settings.around.stdout
    formats.write(
        rows,
        form=settings.form(),
        columns=columns,
        out=out,
        colour=settings.colour(out),
        many=many,
    )
