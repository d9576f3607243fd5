"""Tell receivers about status changes: at least once each, again after 1, 5 and 25 s, then given up.

Nothing about repeats is documented for Symbl but that a receiver must answer 200 or gets the update again; spacing
and number are ours. Webhooks of one job are sent one after another, so only a repeat can arrive out of order.
"""

import logging
import threading
from datetime import timedelta

from deploy.engine.instants import Clock
from deploy.engine.settings import EngineSettings
from deploy.engine.store import Delivery, Store
from deploy.engine.wire import Unreachable, post_json

RETRY_AFTER_S = (1, 5, 25)
_ACCEPTED = 200
_log = logging.getLogger(__name__)


class Courier:
    """Sends what the store says is due."""

    def __init__(self, store: Store, settings: EngineSettings, clock: Clock) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        self._under_way: set[str] = set()
        self._lock = threading.Lock()

    def step(self) -> bool:
        """Send one webhook that is due; False if there is none."""
        with self._lock:
            delivery = self._store.due_delivery(self._clock(), besides=self._under_way)
            if delivery is None:
                return False
            self._under_way.add(delivery.job_id)
        try:
            self._send(delivery)
        finally:
            with self._lock:
                self._under_way.discard(delivery.job_id)
        return True

    def _send(self, delivery: Delivery) -> None:
        problem = self._refusal(delivery)
        if problem is None:
            self._store.settled(delivery)
        elif delivery.attempts < len(RETRY_AFTER_S):
            wait = timedelta(seconds=RETRY_AFTER_S[delivery.attempts])
            self._store.postponed(delivery, self._clock() + wait)
            _log.info("webhook %s of job %s not accepted (%s)", delivery.status, delivery.job_id, problem)
        else:
            self._store.settled(delivery)
            _log.warning("webhook %s of job %s given up (%s)", delivery.status, delivery.job_id, problem)

    def _refusal(self, delivery: Delivery) -> str | None:
        """Why the receiver did not accept, or None."""
        try:
            status = post_json(
                delivery.url,
                self._payload(delivery),
                allow_private=self._settings.allow_private_urls,
                timeout_s=self._settings.webhook_timeout_s,
            )
        except Unreachable as error:
            return str(error)
        return None if status == _ACCEPTED else f"HTTP {status}"

    def _payload(self, delivery: Delivery) -> dict[str, str]:
        keys = ("id", "jobId") if self._settings.webhook_key == "both" else (self._settings.webhook_key,)
        return {**dict.fromkeys(keys, delivery.job_id), "status": delivery.status.value}
