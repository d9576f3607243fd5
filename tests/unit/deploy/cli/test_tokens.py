"""`tokens new`: the token on stdout, this once; what a server keeps of it on stderr."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from common.config import read_settings
from common.model.access import Caller, Role
from deploy.cli.exits import Exit
from tests.conftest import SETTINGS

if TYPE_CHECKING:
    from tests.unit.deploy.cli.conftest import Cli


def test_a_token_and_its_entry_are_made_together(cli: Cli) -> None:
    """The entry is one that the settings take, and has the token's hash alone; no two tokens are the same."""
    done = cli("tokens", "new", "--name", "kim", "--role", "viewer", "--company", "Acme", "--company", "A, B & Co")
    token, entry = done.out.strip(), json.loads(done.err.splitlines()[-1])

    assert done.code == Exit.OK
    assert token.startswith("ct_")
    assert token not in done.err
    settings = read_settings({**SETTINGS, "AUTH_MODE": "token", "API_TOKENS": json.dumps([entry])})
    (known,) = settings.api_tokens
    assert known.sha256 == hashlib.sha256(token.encode()).hexdigest()
    assert known.caller == Caller(name="kim", role=Role.VIEWER, companies=frozenset({"Acme", "A, B & Co"}))
    assert cli("tokens", "new", "--name", "kim", "--role", "viewer").out.strip() != token


def test_a_role_that_there_is_not_is_refused(cli: Cli) -> None:
    """Before anything is made."""
    done = cli("tokens", "new", "--name", "kim", "--role", "boss")
    assert (done.code, done.out) == (Exit.USAGE, "")
