"""Connections that are reset, closed or left without an answer: what a WSGI application cannot do by itself.

`break_off` does what a socket needs; `FaultyChannel` lets waitress leave a connection open for nothing, at the cost of
no thread. Under Werkzeug's own server, for tests, a call has a thread to itself.
"""

import contextlib
import os
import socket
import struct
from typing import Literal
from wsgiref.types import WSGIEnvironment

from waitress.task import WSGITask

from deploy.engine.channel import Channel

How = Literal["reset", "closed", "held"]
_SOCKET = "deploy.engine.socket"
#: On, for no time: close() sends a reset, and what was not sent yet is gone.
_NO_LINGER = struct.pack("ii", 1, 0)


class ConnectionClosed(ConnectionResetError):  # noqa: N818 - it says what is to be done
    """Nothing is to be answered, and the connection is reset, closed, or held until its client gives it up.

    Waitress takes any `OSError` for a client that is gone, where it is started with `log_socket_errors=False`, and
    Werkzeug's server any `ConnectionError`.
    """

    def __init__(self, reason: str, *, how: How) -> None:
        super().__init__(reason)
        self.how = how


def break_off(environ: WSGIEnvironment, how: How) -> None:
    """Do to the connection what its server, which is about to see `ConnectionClosed`, does not do."""
    if isinstance(connection := environ.get(_SOCKET), socket.socket):
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)  # waitress closes it then
    elif isinstance(connection := environ.get("werkzeug.socket"), socket.socket):
        if how == "held":
            with contextlib.suppress(OSError):
                connection.recv(1, socket.MSG_PEEK)
        if how == "reset":
            _reset(connection)
        else:  # else its handler waits for another request
            connection.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    """End the connection here: Werkzeug's server says that nothing follows before it closes, which is no reset.

    The descriptor then belongs to a socket whose other end is gone, so that the handler finds nothing more to read.
    """
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    ours, other = socket.socketpair()
    with ours, other:
        os.dup2(ours.fileno(), connection.fileno())


class FaultyTask(WSGITask):  # type: ignore[misc]  # waitress has no types
    """A call that may end without an answer."""

    held = False

    def get_environment(self) -> WSGIEnvironment:
        """The WSGI environment, and in it the socket that the call came by."""
        environ: WSGIEnvironment = super().get_environment()
        environ[_SOCKET] = self.channel.socket
        return environ

    def execute(self) -> None:
        """Call the application."""
        try:
            super().execute()
        except ConnectionClosed as closed:
            if closed.how != "held":
                raise
            self.held = True

    def finish(self) -> None:
        """Send what is still to be sent; where the answer is withheld that is nothing, and the connection stays."""
        if not self.held:
            super().finish()


class FaultyChannel(Channel):
    """A connection whose calls may end without an answer."""

    task_class = FaultyTask
