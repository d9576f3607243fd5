"""What `make run` lets people choose, read from the environment."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]


class UnusableSetting(Exception):  # noqa: N818
    """A variable has a value that cannot be used; the message names it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """The choices; everything else about the local stack is fixed."""

    port: int = 8080
    engine_port: int = 8090
    state: Path = ROOT / ".local"
    samples: bool = True
    symbl_api_url: str | None = None  #: another engine: none of our own is started
    datastore_host: str | None = None  #: another Datastore: none of our own is started
    sweep_interval_s: int = 60


def local_settings(environment: Mapping[str, str]) -> LocalSettings:
    """Read PORT, ENGINE_PORT, LOCAL_STATE, SAMPLES, SYMBL_API_URL, DATASTORE_EMULATOR_HOST and SWEEP_INTERVAL_S.

    Raises:
        UnusableSetting: naming the variable and what it takes.
    """
    return LocalSettings(
        port=_number(environment, "PORT", 8080, highest=65535),
        engine_port=_number(environment, "ENGINE_PORT", 8090, highest=65535),
        state=Path(environment.get("LOCAL_STATE") or ROOT / ".local").resolve(),
        samples=environment.get("SAMPLES", "1") != "0",
        symbl_api_url=environment.get("SYMBL_API_URL") or None,
        datastore_host=environment.get("DATASTORE_EMULATOR_HOST") or None,
        sweep_interval_s=_number(environment, "SWEEP_INTERVAL_S", 60, highest=86400),
    )


def _number(environment: Mapping[str, str], name: str, default: int, *, highest: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 1 <= int(text) <= highest:
        raise UnusableSetting(f"{name}={text} cannot be used: give a whole number from 1 to {highest}")
    return int(text)
