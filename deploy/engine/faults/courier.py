"""A courier who loses, repeats, holds back and forges. What the store says of a job is never touched."""

import json
import threading
from datetime import timedelta

from deploy.engine.faults.conversations import of_job
from deploy.engine.faults.plan import (
    Away,
    Target,
    WebhookBody,
    WebhookDelayed,
    WebhookDropped,
    WebhookDuplicated,
    WebhookForged,
    WebhookKey,
    WebhookReordered,
)
from deploy.engine.faults.strikes import Strikes
from deploy.engine.instants import Clock
from deploy.engine.settings import EngineSettings
from deploy.engine.store import ACTIVE, Delivery, JobStatus, Store
from deploy.engine.webhooks import Courier, payload


class FaultyCourier(Courier):
    """Sends what is due, but for what the plan says. Holding back is decided once, all else at every attempt."""

    def __init__(self, store: Store, settings: EngineSettings, clock: Clock, strikes: Strikes) -> None:
        super().__init__(store, settings, clock)
        self._strikes = strikes
        self._seen: set[int] = set()
        self._held: dict[str, list[Delivery]] = {}
        self._holding = threading.Lock()

    def step(self) -> bool:
        """Send one webhook that is due; False if there is none, or nobody is at home."""
        return not self._strikes.in_force(Away) and super().step()

    def send_ahead(self, job_id: str) -> None:
        """Send what is the next to tell of a job, in this thread, if it is still to be sent."""
        self._deliver(lambda: self._next_of(job_id))

    def _next_of(self, job_id: str) -> Delivery | None:
        self._free.wait_for(lambda: job_id not in self._under_way)
        return self._store.next_delivery(job_id)

    def _send(self, delivery: Delivery) -> None:
        hold_s = self._hold_s(delivery)
        if hold_s is not None:
            self._store.delayed(delivery, self._clock() + timedelta(seconds=hold_s))
            return
        super()._send(delivery)
        for overtaken in self._overtaken_by(delivery):
            self._store.delayed(overtaken, self._clock())

    def _hold_s(self, delivery: Delivery) -> float | None:
        """How long the webhook is held back, or None; asked once for each."""
        with self._holding:
            if delivery.number in self._seen:
                return None
            self._seen.add(delivery.number)
        target = self._target(delivery)
        delayed = self._strikes.first(target, WebhookDelayed)
        if delayed is not None:
            return delayed.by_s
        reordered = self._strikes.first(target, WebhookReordered) if delivery.status in ACTIVE else None
        if reordered is None:
            return None
        with self._holding:
            self._held.setdefault(delivery.job_id, []).append(delivery)
        return reordered.hold_s

    def _overtaken_by(self, sent: Delivery) -> list[Delivery]:
        """The held ones that came before *sent*; those after it stay held."""
        with self._holding:
            held = self._held.pop(sent.job_id, [])
            later = [delivery for delivery in held if delivery.number > sent.number]
            if later:
                self._held[sent.job_id] = later
        return [delivery for delivery in held if delivery.number < sent.number]

    def _refusal(self, delivery: Delivery) -> str | None:
        target = self._target(delivery)
        if self._strikes.first(target, WebhookDropped):
            return None
        for forged in self._strikes.on(target, WebhookForged):
            self._post(delivery.url, self._forgery(forged, delivery))
        body = self._body(delivery, target)
        repeat = self._strikes.first(target, WebhookDuplicated)
        for _ in range(repeat.times - 1 if repeat else 0):
            self._post(delivery.url, body)
        return self._post(delivery.url, body)

    def _forgery(self, forged: WebhookForged, delivery: Delivery) -> bytes:
        if forged.how == "other_job":
            other = self._store.newest_job_besides(delivery.job_id) or self._strikes.random_uuid()
            return payload(other, delivery.status, self._settings.webhook_key)
        done = delivery.status is JobStatus.COMPLETED
        return payload(delivery.job_id, JobStatus.FAILED if done else JobStatus.COMPLETED, self._settings.webhook_key)

    def _body(self, delivery: Delivery, target: Target) -> bytes:
        key = self._strikes.first(target, WebhookKey)
        body = payload(delivery.job_id, delivery.status, key.key if key else self._settings.webhook_key)
        spoilt = self._strikes.first(target, WebhookBody)
        if spoilt is None:
            return body
        if spoilt.how == "bad_json":
            return body[:-1]
        return json.dumps({**json.loads(body), "padding": "x" * spoilt.size}).encode()

    def _target(self, delivery: Delivery) -> Target:
        return Target(
            key=f"webhook {delivery.status} of job {delivery.job_id}",
            status=delivery.status,
            **of_job(self._store, delivery.job_id),
        )
