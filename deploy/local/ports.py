"""Which port each server of the stack has: the same after a restart, so that URLs that were handed out stay good."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"


class PortTaken(Exception):  # noqa: N818  # what has happened
    """Somebody else listens there; the message says what to do."""


class RememberedPorts:
    """Free ports, chosen once and kept in a file. One that was taken meanwhile is chosen again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def port(self, name: str) -> int:
        """The port of the server called `name`."""
        known = self._ports.get(name)
        if known is None or not is_free(known):
            self._ports[name] = _free_port()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._ports, indent=1))
        return self._ports[name]


def expect_free(port: int, *, variable: str, what: str) -> None:
    """Fail early and plainly.

    Raises:
        PortTaken: with the variable that chooses another port.
    """
    if not is_free(port):
        raise PortTaken(
            f"Port {port} is taken, and {what} needs it. Stop what listens there, or choose another: "
            f"{variable}={port + 1 if port < 65535 else port - 1} make run"  # noqa: PLR2004  # the last port
        )


def is_free(port: int) -> bool:
    """Whether somebody could listen on a port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
