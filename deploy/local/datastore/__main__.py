"""Run the server alone: `python -m deploy.local.datastore --port 8081 --path FILE --index deploy/index.yaml`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from deploy.local.datastore.indexes import load_indexes
from deploy.local.datastore.server import DatastoreServer, PortTakenError
from deploy.local.datastore.storage import InUseError, SchemaError


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        indexes = load_indexes(options.index) if options.index else None
        with DatastoreServer(path=options.path, indexes=indexes) as server:
            address = server.start(options.host, options.port)
            sys.stdout.write(f"export DATASTORE_EMULATOR_HOST={address}\n")
            sys.stdout.flush()
            stopped.wait()
    except PortTakenError as error:
        sys.stderr.write(f"{error}: choose another port with --port, or 0 for any free one.\n")
        return 1
    except (InUseError, OSError, SchemaError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.datastore", description="A local Datastore server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--path", type=Path, help="the SQLite file to keep data in (default: in memory)")
    parser.add_argument("--index", type=Path, help="index.yaml; without it no composite index is required")
    return parser


if __name__ == "__main__":
    sys.exit(main())
