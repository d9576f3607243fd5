"""Tokens: made here, and known to a server by their hash alone. Nothing is sent."""

from __future__ import annotations

import hashlib
import json
import secrets

import click

from deploy.cli.settings import common_options, settings_of
from deploy.cli.shapes import Group

#: Told apart from other secrets at a glance, also by programs that look for leaked ones.
PREFIX = "ct_"
ROLES = ("viewer", "reviewer", "operator", "admin")


@click.group(cls=Group, examples=("calltrack tokens new --name kim --role viewer --company Acme",))
def tokens() -> None:
    """Make the tokens that a server with AUTH_MODE=token takes."""


@common_options()
@tokens.command(
    "new",
    examples=(
        "calltrack tokens new --name kim@acme.example --role reviewer --company Acme",
        "calltrack tokens new --name crm --role operator > token 2> entry",
    ),
)
@click.option("--name", required=True, metavar="WHO", help="Whose it is: what history and audit trail will say.")
@click.option(
    "--role", required=True, type=click.Choice(ROLES), help="What it is for; each does all that those before it do."
)
@click.option("--company", "companies", multiple=True, metavar="NAME", help="May see this company only; repeatable.")
@click.pass_context
def new(context: click.Context, name: str, role: str, companies: tuple[str, ...]) -> None:
    """Make a token. It is on stdout, this once; what the server has to know of it is on stderr."""
    around = settings_of(context).around
    token = PREFIX + secrets.token_urlsafe(32)
    entry: dict[str, object] = {"name": name, "role": role}
    if companies:
        entry["companies"] = list(companies)
    entry["sha256"] = hashlib.sha256(token.encode()).hexdigest()
    around.stderr.write(f"Add this to the list in API_TOKENS, then give the token to {name}:\n{json.dumps(entry)}\n")
    around.stderr.flush()
    around.stdout.write(f"{token}\n")
