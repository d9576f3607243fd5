"""The functions as deploy/functions.yaml defines them, for the local stack and for tests; Terraform reads it too."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pydantic
import yaml

FUNCTIONS = Path(__file__).with_name("functions.yaml")


class Caller(enum.StrEnum):
    """Who calls a function."""

    PUBLIC = "public"  #: anybody reaches it, and it has its own proof of who calls
    PEOPLE = "people"  #: as AUTH_MODE says
    TASKS = "tasks"  #: Cloud Tasks and Cloud Scheduler
    EVENTS = "events"  #: the recordings bucket


class Function(pydantic.BaseModel):
    """One function; the file says what each field is."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    trigger: Literal["http", "storage"]
    callers: tuple[Caller, ...]
    timeout_s: int
    memory: str
    concurrency: int
    max_instances: int
    bucket: Literal["none", "read", "write"]
    enqueues: tuple[str, ...]
    signs_urls: bool
    secrets: tuple[str, ...]

    @property
    def is_for_people(self) -> bool:
        """Whether it is opened by people and their programs."""
        return Caller.PEOPLE in self.callers


class Definitions(pydantic.BaseModel):
    """The whole file; `functions` by name, in the order of the pipeline."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    settings: tuple[str, ...]
    secrets: tuple[str, ...]
    local: tuple[str, ...]
    functions: Mapping[str, Function]


def read_definitions() -> Definitions:
    """The definitions; raises pydantic.ValidationError where the file has a mistake."""
    return Definitions.model_validate(yaml.safe_load(FUNCTIONS.read_text(encoding="utf-8")))
