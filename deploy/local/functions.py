"""Every function on one port, each through functions-framework, as the deployed ones are.

    python -m deploy.local.functions --port 8080        # the environment tells them where everything is

/api/v1/recordings goes to `recordings`; /ENTRY_POINT/... to that function, which sees its own path without the prefix,
as it does in production; everything else to `dashboard`.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from deploy.definitions import read_definitions
from deploy.local.ports import HOST, PortTaken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ROOT = Path(__file__).resolve().parents[2]
API = "/api/v1/recordings"


class FunctionsApp:
    """The WSGI application that tells the functions apart by path."""

    def __init__(self) -> None:
        import functions_framework  # noqa: PLC0415  # after the environment is settled: it loads main.py

        source = str(ROOT / "main.py")
        functions = read_definitions().functions
        self._apps: dict[str, WSGIApplication] = {
            target: functions_framework.create_app(target, source) for target in functions
        }
        self._by_name = {name for name, function in functions.items() if not function.is_for_people}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """WSGI."""
        path: str = environ.get("PATH_INFO", "/")
        first, _, rest = path.lstrip("/").partition("/")
        if path == API or path.startswith((f"{API}/", f"{API}:")):  # a colon: a method, such as :replay
            return self._apps["recordings"](environ, start_response)
        if first in self._by_name:
            environ = {
                **environ,
                "PATH_INFO": f"/{rest}",
                "SCRIPT_NAME": f"{environ.get('SCRIPT_NAME', '')}/{first}",
            }
            return self._apps[first](environ, start_response)
        return self._apps["dashboard"](environ, start_response)


class FunctionsServer:
    """Serves them on a thread of its own."""

    def __init__(self, port: int) -> None:
        try:
            self._server: BaseWSGIServer = make_server(
                HOST, port, FunctionsApp(), threaded=True, request_handler=_Quiet
            )
        except (OSError, SystemExit) as error:  # werkzeug exits where the port is taken
            raise PortTaken(f"Port {port} is taken; choose another with PORT=") from error
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, name="functions", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; calls under way end with the process."""
        self._server.shutdown()
        self._server.server_close()


class _Quiet(WSGIRequestHandler):
    """Says nothing: the functions log their own events, and access lines would carry the webhooks' signatures."""

    def log_request(self, *_: object) -> None:
        return


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    options = argparse.ArgumentParser(description="Serve every function on one port.")
    options.add_argument("--port", type=int, default=int(os.environ.get("PORT") or 8080))
    given = options.parse_args()
    try:
        server = FunctionsServer(given.port)
    except PortTaken as error:
        sys.stderr.write(f"{error}\n")
        return 1
    serve(server)
    return 0


def serve(server: FunctionsServer) -> None:
    """Answer until SIGTERM or SIGINT."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server.start()
    sys.stderr.write(f"Functions ready at http://{HOST}:{server.port}\n")
    ended.wait()
    server.stop()


if __name__ == "__main__":
    sys.exit(main())
