"""Loads the sample calls through the API, as any sender would, and waits for their results."""

from __future__ import annotations

import colorsys
import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from deploy.local.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = ROOT / "samples"
CALLS = (
    "plumbing-support",
    "billing-dispute",
    "cancellation-retention",
    "office-supply-sales",
    "dental-scheduling",
    "internet-outage",
)
_CHANNELS = {"left": 1, "right": 2}
_POLL_S = 0.5


@dataclasses.dataclass(frozen=True)
class SampleCall:
    """A recording, and what its sender says of it."""

    audio: Path
    metadata: dict[str, object]


def sample_calls(directory: Path = DIRECTORY) -> Iterator[SampleCall]:
    """The six calls, with metadata from their ground truth."""
    for name in CALLS:
        truth = json.loads((directory / f"{name}.json").read_text())
        yield SampleCall(audio=directory / truth["audio"], metadata=metadata_of(truth))


def metadata_of(truth: dict[str, Any]) -> dict[str, object]:
    """The metadata of a call in the API's names."""
    channel_of = {turn["role"]: _CHANNELS[turn["channel"]] for turn in truth["turns"]}
    return {
        "company": truth["company"],
        "name": truth["title"],
        "started_at": truth["started_at"],
        "language_code": truth["language"],
        "direction": truth["direction"],
        "number_of_speakers": 2,
        "separate_channels": True,
        "representative": truth["agent"]["name"],
        "external_id": truth["audio"].rpartition(".")[0],
        "speakers": [
            {"name": truth[role]["name"], "email": truth[role]["email"], "role": role, "channel": channel_of[role]}
            for role in ("agent", "customer")
        ],
    }


@dataclasses.dataclass
class SampleLoader:
    """Puts the calls, their companies' trackers and looks into a running installation. Safe to repeat."""

    url: str
    say: Callable[[str], None]
    directory: Path = DIRECTORY

    def load(self) -> list[str]:
        """Add everything; the ids of the recordings."""
        calls = list(sample_calls(self.directory))
        trackers = json.loads((self.directory / "trackers.json").read_text())["trackers"]
        for company in sorted({str(call.metadata["company"]) for call in calls}):
            self._put(f"companies/{company}/defaults", {"trackers": trackers})
            self._put(f"companies/{company}/business-ux", _look_of(company))
        return [self._add(call) for call in calls]

    def wait(self, ids: list[str], *, patience_s: float = 3600) -> list[dict[str, Any]]:
        """The recordings, once each of them is complete or has failed (or patience ends)."""
        give_up_at = time.monotonic() + patience_s
        while True:
            found = [self._get(recording_id) for recording_id in ids]
            if all(_is_settled(recording) for recording in found) or time.monotonic() > give_up_at:
                return found
            time.sleep(_POLL_S)

    def _add(self, call: SampleCall) -> str:
        with call.audio.open("rb") as audio:
            answer = requests.post(
                f"{self.url}/api/v1/recordings",
                files={"audio": (call.audio.name, audio)},
                data={"metadata": json.dumps(call.metadata)},
                timeout=60,
            )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def _get(self, recording_id: str) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/api/v1/recordings/{recording_id}", timeout=60)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _put(self, path: str, body: dict[str, Any]) -> None:
        requests.put(f"{self.url}/api/v1/{path}", json=body, timeout=60).raise_for_status()


def _is_settled(recording: dict[str, Any]) -> bool:
    return recording["request"]["status"] == "failed" or recording["results"]["state"] == "complete"


def _look_of(company: str) -> dict[str, str]:
    """A colour of its own for each company: the hue follows from the name."""
    hue = int(hashlib.sha256(company.encode()).hexdigest(), 16) % 360 / 360
    red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, 0.35, 0.6))
    return {"display_name": company, "color_background": f"#{red:02x}{green:02x}{blue:02x}"}
