"""All functions on one port, as deploy/local/functions.py serves them, but by a fast clock."""

from __future__ import annotations

import sys

from common.adapters.symbl.client import SUBMIT_READ_S, SymblClient
from common.bootstrap import Services, services
from deploy.local.functions import FunctionsServer, serve
from tests.fast_clock import FastClock


def main(port: str, clock_text: str) -> None:
    clock = FastClock.parse(clock_text)
    Services.clock = clock  # type: ignore[method-assign]  # the product has no setting for another clock
    server = FunctionsServer(int(port))
    s = services()
    settings = s.settings
    s.engine = SymblClient(
        base_url=settings.symbl_api_url,
        app_id=settings.symbl_app_id,
        app_secret=settings.symbl_app_secret.get_secret_value(),
        clock=clock,
        submit_read_s=SUBMIT_READ_S / clock.speed,
    )
    serve(server)


if __name__ == "__main__":
    main(*sys.argv[1:])
