"""Shows people the pipeline's log as it happens: one line per recording and stage; everything goes to a file."""

from __future__ import annotations

import json
import threading
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NAME_WIDTH = 30
#: What is shown of the steps that a recording takes.
_STEPS = {
    "recording_added": "pending      stored, waits for a slot",
    "recording_known": "known        the same audio is there already",
    "slot_claimed": "submitting   slot {slot}",
    "job_accepted": "scheduled    job {job}",
    "webhook_received/in_progress/1": "in_progress  the engine is at work",
    "job_completed": "completed    fetching results",
    "results_stored": "completed    results {results} ({stored} sections stored)",
    "request_failed": "failed       {reason}",
    "object_rejected": "rejected     {object}: {reason}",
}


class Console:
    """A sink for `common.log`."""

    def __init__(self, log: Path, out: TextIO) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log.open("a", encoding="utf-8")
        self._out = out
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}

    def write(self, line: Mapping[str, object]) -> None:
        """Keep the line; show it if it is a step of a recording, or something to worry about."""
        with self._lock:
            self._log.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
            self._log.flush()
            recording = str(line.get("recording") or str(line.get("request", "")).rpartition("-")[0])
            if line.get("file_name"):
                self._names[recording] = str(line["file_name"])
            shown = _shown(line)
            if shown:
                at = datetime.fromisoformat(str(line["time"])).astimezone()
                name = self._names.get(recording, recording)
                self._out.write(f"{at:%H:%M:%S}  {name:<{_NAME_WIDTH}}  {shown}\n")
                self._out.flush()

    def say(self, text: str = "") -> None:
        """A line of our own."""
        with self._lock:
            self._out.write(f"{text}\n")
            self._out.flush()


def _shown(line: Mapping[str, object]) -> str | None:
    """What people read of an event; None for those that they need not see."""
    event = str(line["event"])
    if event == "webhook_received":
        event = f"{event}/{line.get('status')}/{line.get('deliveries')}"
    if event in _STEPS:
        return _STEPS[event].format_map(line)
    if line.get("severity") == "ERROR":
        return f"ERROR        {event}: {str(line['message']).strip().splitlines()[-1]}"
    return None
