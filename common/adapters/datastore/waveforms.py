"""Waveform: one entity per recording that somebody has looked at; its key is the recording's id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.adapters.datastore.kinds import WAVEFORM

if TYPE_CHECKING:
    from google.cloud import datastore

    from common.model.recording import RecordingId
    from common.model.waveform import Waveform


def waveform_key(client: datastore.Client, recording_id: RecordingId) -> datastore.Key:
    """What goes when its recording goes. A generation of an object has an id of its own, so no picture outlives it."""
    return WAVEFORM.key(client, recording_id)


class DatastoreWaveforms:
    """WaveformStore."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def get(self, recording_id: RecordingId) -> Waveform | None:
        """What was kept."""
        entity = self._client.get(waveform_key(self._client, recording_id))
        return WAVEFORM.row_of(entity) if entity else None

    def put(self, waveform: Waveform) -> None:
        """Keep it; twice is as good."""
        self._client.put(WAVEFORM.entity(self._client, waveform.recording_id, waveform))
