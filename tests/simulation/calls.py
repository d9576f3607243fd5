"""What a stage does to the outside: the points at which it may be stopped, and what may become of each call.

A call of a port or of Datastore's API is one effect. Between two of them a process may die, or another may act.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from grpc import StatusCode

from common.errors import TryLater
from deploy.local.datastore.errors import RefusedError, aborted
from deploy.local.datastore.in_process import connect
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import datastore

    from deploy.local.datastore import DatastoreServer

T = TypeVar("T")

#: In the message of every fault that is made here: an error that does not say so is the product's own.
MADE_HERE = "made by the simulation"


class Died(BaseException):
    """The process is gone: no `except` of the product's may catch it."""


class Fate(enum.StrEnum):
    """What becomes of one call."""

    WELL = "well"
    FAILS = "fails"  #: nothing happens, and the caller gets an error
    ANSWER_LOST = "happens, but the answer is lost"
    ABORTED = "is applied, but said to be aborted"
    LATE = "times out, and is accepted later"
    THROTTLED = "429"
    THROTTLED_FOR_A_MINUTE = "429 with Retry-After"
    NOT_ACCEPTED = "no connection"
    ACCOUNT_REFUSED = "401"
    REFUSED = "400"
    UNKNOWN_JOB = "404, though there is one"
    NOT_READY = "404, not yet"
    RUBBISH = "rubbish"


#: The name of the last thing that a stage does: telling the queue, or the bucket, that it is done.
ANSWER = "answer"

_READ = (Fate.FAILS, Fate.ACCOUNT_REFUSED, Fate.RUBBISH)

#: What may go wrong with which call.
FAULTS: Mapping[str, tuple[Fate, ...]] = {
    "datastore.Lookup": (Fate.FAILS,),
    "datastore.RunQuery": (Fate.FAILS,),
    "datastore.Commit": (Fate.FAILS, Fate.ANSWER_LOST, Fate.ABORTED),
    "tasks.enqueue": (Fate.FAILS, Fate.ANSWER_LOST),
    "audio.signed_url": (Fate.FAILS,),
    "engine.prepare": (Fate.NOT_ACCEPTED, Fate.ACCOUNT_REFUSED),
    "engine.submit": (
        Fate.ANSWER_LOST,
        Fate.FAILS,
        Fate.LATE,
        Fate.NOT_ACCEPTED,
        Fate.THROTTLED,
        Fate.THROTTLED_FOR_A_MINUTE,
        Fate.ACCOUNT_REFUSED,
        Fate.REFUSED,
    ),
    "engine.job_status": (*_READ, Fate.UNKNOWN_JOB),
    "engine.verdict": _READ,
    "engine.find_conversation": _READ,
    "engine.section": (*_READ, Fate.NOT_READY),
    "engine.delete_conversation": _READ,
    "audio.find": (Fate.FAILS,),
    "audio.delete": (Fate.FAILS, Fate.ANSWER_LOST),
}

#: Asked before each call, by its name; it may raise Died, let other things happen first, or choose the call's fate.
Gate = Callable[[str], Fate]


class GatedPort:
    """A port of the cloud's, each call of which goes through a gate."""

    def __init__(self, name: str, port: object, gate: Gate) -> None:
        self._name = name
        self._port = port
        self._gate = gate

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found

        def call(*arguments: object, **named: object) -> object:
            fate = self._gate(f"{self._name}.{method}")
            if fate is not Fate.FAILS:
                answer = found(*arguments, **named)
            if fate is not Fate.WELL:
                raise TryLater(f"{self._name}.{method}: {MADE_HERE}")
            return answer

        return call


def gated_datastore(server: DatastoreServer, gate: Gate, committed: Callable[[bytes], None]) -> datastore.Client:
    """Google's client, past the socket; each call of the API goes through the gate, each commit's request is told."""

    def call(method: str, request: bytes) -> bytes:
        fate = gate(f"datastore.{method}") if f"datastore.{method}" in FAULTS else Fate.WELL
        if fate is not Fate.FAILS:
            answer = server.call(method, request)
            if method == "Commit":
                committed(request)
        if fate is Fate.WELL:
            return answer
        raise aborted(MADE_HERE) if fate is Fate.ABORTED else RefusedError(StatusCode.INTERNAL, MADE_HERE)

    return connect(call, PROJECT, None)
