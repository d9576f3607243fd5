"""The engine by a fast clock; its settings are in the environment, as always."""

from __future__ import annotations

import logging
import os
import sys

from deploy.engine.__main__ import serve
from deploy.engine.engine import create_engine
from deploy.engine.settings import EngineSettings
from tests.fast_clock import FastClock


def main(clock_text: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    clock = FastClock.parse(clock_text)
    return serve(create_engine(EngineSettings.from_environment(os.environ), clock=clock, wait=clock.wait))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
