"""calltrack doctor: how each part of an installation is, with the mend."""

from __future__ import annotations

import click

from deploy.cli import formats
from deploy.cli.exits import Exit
from deploy.cli.settings import common_options, settings_of
from deploy.cli.shapes import Command

_COLUMNS = (
    formats.Column("ok", "state", shown=lambda ok: "ok" if ok else "FAILED"),
    formats.Column("name", "part"),
    formats.Column("found", "found"),
    formats.Column("mend", "mend"),
)


@common_options()
@click.command(
    cls=Command,
    examples=("calltrack doctor", "calltrack --server https://REGION-PROJECT.cloudfunctions.net/dashboard doctor"),
)
@click.pass_context
def doctor(context: click.Context) -> None:
    """Check the installation: settings, access, indexes, queues, engine, webhook, sweep; each with the mend.

    That it answers at all shows that the server is reached and takes the token. Exit code 1 where a part is not well.
    """
    settings = settings_of(context)
    checks = settings.api().checks()
    out = settings.around.stdout
    formats.write(checks, form=settings.form(), columns=_COLUMNS, out=out, colour=settings.colour(out), many=True)
    unwell = [check["name"] for check in checks if not check["ok"]]
    if unwell:
        settings.say(f"not well: {', '.join(unwell)}")
        raise click.exceptions.Exit(Exit.FAILED)
