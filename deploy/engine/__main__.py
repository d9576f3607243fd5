"""Run the engine: `python -m deploy.engine`."""

import errno
import logging
import os
import signal
import sys
import threading
from typing import Any

from deploy.engine.engine import Engine, create_engine
from deploy.engine.errors import SettingsError
from deploy.engine.settings import EngineSettings

_THREADS = 16
#: What an engine that fails on command needs more of: a slow answer holds a thread, one that never comes a connection.
_WHERE_FAULTY = {
    "threads": 128,
    "connection_limit": 900,  # a process may usually have 1,024 files open
    "asyncore_use_poll": True,
    "channel_timeout": 3600,  # waitress closes a connection on which nothing happens for longer: the longest `by_s`
    "log_socket_errors": False,  # else a connection closed on command is answered with 500
}


def main() -> int:
    """Serve until SIGTERM or SIGINT; 2 where the settings are wrong, 1 where the port is taken."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        settings = EngineSettings.from_environment(os.environ)
        engine = create_engine(settings)
    except SettingsError as error:
        print(f"The engine cannot start:\n{error}", file=sys.stderr)  # noqa: T201 - the operator's console
        return 2
    return serve(engine)


def serve(engine: Engine) -> int:
    """Answer and work until SIGTERM or SIGINT; 1 where the port is taken."""
    settings = engine.settings
    try:
        server, port = _listening(engine, settings)
    except OSError as error:
        print(_port_problem(error, settings), file=sys.stderr)  # noqa: T201
        return 1

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    engine.start()
    threading.Thread(target=server.run, daemon=True).start()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"Engine ready at http://{host}:{port} ({engine.listener.name})", flush=True)  # noqa: T201
    if settings.faulty:
        print("This engine fails on command (ENGINE_FAULTS, ENGINE_FAULTS_API).", file=sys.stderr, flush=True)  # noqa: T201
    missing = engine.listener.ready()
    if missing:
        print(f"No recording can be analysed: {missing}", file=sys.stderr, flush=True)  # noqa: T201
    ended.wait()
    engine.stop()
    sys.stdout.flush()
    # A recogniser in the middle of a call cannot be interrupted; its job is taken up again after the next start.
    os._exit(0)


def _listening(engine: Engine, settings: EngineSettings) -> tuple[Any, int]:
    """A server that is bound, and its port; `localhost` may be two addresses, with a listener for each."""
    from waitress import create_server  # noqa: PLC0415 - only once the settings are known to be good
    from waitress.server import BaseWSGIServer  # noqa: PLC0415

    more = _WHERE_FAULTY if settings.faulty else {"threads": _THREADS}
    sockets: dict[int, Any] = {}
    server = create_server(
        engine.app,
        map=sockets,
        host=settings.host,
        port=settings.port,
        ident="calltrack-engine",
        max_request_body_size=settings.max_upload_bytes + 1,
        **more,
    )
    listeners = [listener for listener in sockets.values() if isinstance(listener, BaseWSGIServer)]
    for listener in listeners:
        listener.channel_class = _channel_class(settings)
    return server, listeners[0].effective_port


def _channel_class(settings: EngineSettings) -> Any:  # noqa: ANN401 - waitress has no types
    if settings.faulty:
        from deploy.engine.faults.connections import FaultyChannel  # noqa: PLC0415 - only where faults are asked for

        return FaultyChannel
    from deploy.engine.channel import Channel  # noqa: PLC0415 - only once the settings are known to be good

    return Channel


def _port_problem(error: OSError, settings: EngineSettings) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {settings.port} is taken: stop what listens there, or set ENGINE_PORT to a free one."
    return f"Cannot listen at {settings.host}:{settings.port}: {error.strerror}. Set ENGINE_HOST or ENGINE_PORT."


if __name__ == "__main__":
    sys.exit(main())
