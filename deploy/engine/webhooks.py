"""Tell receivers about status changes: at least once each, again after the settings' seconds, then given up.

Nothing about repeats is documented for Symbl but that a receiver must answer 200 or gets the update again; spacing
and number are ours. Webhooks of one job are sent one after another, so only a repeat can arrive out of order.
"""

import json
import logging
import threading
from collections.abc import Callable
from datetime import timedelta

from deploy.engine.instants import Clock
from deploy.engine.settings import EngineSettings, WebhookKey
from deploy.engine.store import Delivery, JobStatus, Store
from deploy.engine.wire import Unreachable, post_json

_ACCEPTED = 200
_log = logging.getLogger(__name__)


class Courier:
    """Sends what the store says is due."""

    def __init__(self, store: Store, settings: EngineSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._under_way: set[str] = set()
        self._free = threading.Condition()

    def step(self) -> bool:
        """Send one webhook that is due; False if there is none."""
        return self._deliver(lambda: self._store.due_delivery(self._clock(), besides=self._under_way))

    def _deliver(self, find: Callable[[], Delivery | None]) -> bool:
        with self._free:
            delivery = find()
            if delivery is None:
                return False
            self._under_way.add(delivery.job_id)
        try:
            self._send(delivery)
        finally:
            with self._free:
                self._under_way.discard(delivery.job_id)
                self._free.notify_all()
        return True

    def _send(self, delivery: Delivery) -> None:
        problem = self._refusal(delivery)
        if problem is None:
            self._store.settled(delivery)
        elif delivery.attempts < len(retries_s := self._settings.webhook_retries_s):
            wait = timedelta(seconds=retries_s[delivery.attempts])
            self._store.postponed(delivery, self._clock() + wait)
            _log.info("webhook %s of job %s not accepted (%s)", delivery.status, delivery.job_id, problem)
        else:
            self._store.settled(delivery)
            _log.warning("webhook %s of job %s given up (%s)", delivery.status, delivery.job_id, problem)

    def _refusal(self, delivery: Delivery) -> str | None:
        """Why the receiver did not accept, or None."""
        return self._post(delivery.url, payload(delivery.job_id, delivery.status, self._settings.webhook_key))

    def _post(self, url: str, body: bytes) -> str | None:
        try:
            status = post_json(
                url,
                body,
                allow_private=self._settings.allow_private_urls,
                timeout_s=self._settings.webhook_timeout_s,
            )
        except Unreachable as error:
            return str(error)
        return None if status == _ACCEPTED else f"HTTP {status}"


def payload(job_id: str, status: JobStatus, key: WebhookKey) -> bytes:
    """The body that tells *status* of a job."""
    keys = ("id", "jobId") if key == "both" else (key,)
    return json.dumps({**dict.fromkeys(keys, job_id), "status": status.value}).encode()
