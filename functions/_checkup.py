"""What an installation needs, each part asked for real: settings, access, indexes, queues, engine, webhook, sweep."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from contextvars import copy_context
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from common import log
from common.errors import CalltrackError
from common.model.access import Role
from common.model.audit import NARROWED_BY, AuditQuery
from common.model.fairness import Lane
from common.model.job import FailureClass
from common.model.listing import ORDERS
from common.model.recording import Priority
from common.model.search.plan import Token
from common.model.search.query import Facet
from common.model.search.tokens import facet
from common.model.tasks import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.bootstrap import Services
    from common.model.access import Caller
    from common.model.answers import CheckAnswer

DEADLINE_S = 15.0
_WEBHOOK_S = 10.0
#: Longer than this many periods without a sweep, and something keeps it from running.
_MISSED = 5
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
#: Names that no company, request or recording has.
_NOBODY = "calltrack-doctor"


class Unwell(CalltrackError):  # noqa: N818  # reads as what it says
    """A part answers, and not as it should; the message says what is wrong."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One part: `ask` answers what it found, or raises; `mend` is what to do then."""

    name: str
    ask: Callable[[], str]
    mend: str


def examine(checks: Sequence[Check], *, deadline_s: float = DEADLINE_S) -> list[CheckAnswer]:
    """Ask all at the same time; one that does not answer by the deadline has failed."""
    workers = ThreadPoolExecutor(len(checks), thread_name_prefix="checkup")
    asked = [workers.submit(copy_context().run, _answer, check) for check in checks]
    give_up_at = time.monotonic() + deadline_s
    answers: list[CheckAnswer] = []
    for check, future in zip(checks, asked, strict=True):
        try:
            answers.append(future.result(max(0.0, give_up_at - time.monotonic())))
        except NoAnswer:
            found = f"no answer within {deadline_s:g} s"
            answers.append({"name": check.name, "ok": False, "found": found, "mend": check.mend})
    workers.shutdown(wait=False, cancel_futures=True)
    return answers


def _answer(check: Check) -> CheckAnswer:
    try:
        return {"name": check.name, "ok": True, "found": check.ask(), "mend": None}
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        log.warning("check_failed", check=check.name, error=type(error).__name__, reason=str(error))
        said = str(error) if isinstance(error, Unwell) else f"{type(error).__name__}: {error}"
        return {"name": check.name, "ok": False, "found": said.splitlines()[0][:300], "mend": check.mend}


def checks_of(s: Services, caller: Caller) -> tuple[Check, ...]:
    """All parts of this installation, as `caller` may see them."""
    database = s.settings.datastore_database or "(default)"
    return (
        Check(
            name="settings",
            ask=lambda: _settings(s),
            mend="set what is named and deploy again: README, Settings",
        ),
        Check(
            name="access",
            ask=lambda: _access(s, caller),
            mend="give somebody the role of admin: docs/howto/give-access.md",
        ),
        Check(
            name="datastore",
            ask=lambda: _datastore(s),
            mend=f"is there a Datastore-mode database {database}, and has our account roles/datastore.user on it?",
        ),
        Check(
            name="indexes",
            ask=lambda: indexes(s),
            mend="apply deploy/terraform, and wait until the indexes are built: minutes, or hours where there is much",
        ),
        Check(
            name="bucket",
            ask=lambda: _bucket(s),
            mend=f"is there a bucket {s.settings.recordings_bucket}, and may this function's account read it?",
        ),
        Check(
            name="queues",
            ask=lambda: _queues(s),
            mend="apply deploy/terraform; gcloud tasks queues resume NAME where one is paused",
        ),
        Check(
            name="engine",
            ask=lambda: _engine(s),
            mend="is SYMBL_API_URL in reach, and does it take SYMBL_APP_ID and SYMBL_APP_SECRET?",
        ),
        Check(
            name="webhook",
            ask=lambda: _webhook(s.settings.webhook_base_url),
            mend="is symbl_webhook deployed and public (allUsers may invoke it), and WEBHOOK_BASE_URL its address?",
        ),
        Check(
            name="sweep",
            ask=lambda: _sweep(s),
            mend="does the scheduler run sweep-jobs? docs/howto/runbook/sweep-missing.md",
        ),
    )


def _settings(s: Services) -> str:
    """They are complete, or nothing of this would run; here is what is complete and unwise."""
    settings = s.settings
    urls = {
        "PUBLIC_BASE_URL": settings.public_base_url,
        "WEBHOOK_BASE_URL": settings.webhook_base_url,
        "SYMBL_API_URL": settings.symbl_api_url,
    }
    plain = [name for name, url in urls.items() if url.startswith("http://") and urlsplit(url).hostname not in _HERE]
    if plain:
        raise Unwell(f"{', '.join(plain)}: http:// sends what is secret unencrypted; use https://")
    return (
        f"project {settings.google_cloud_project}, bucket {settings.recordings_bucket}, "
        f"at most {settings.symbl_max_active_jobs} active jobs"
    )


def _access(s: Services, caller: Caller) -> str:
    """Who asks has got through; what is looked for is whether anybody may settle things."""
    settings = s.settings
    roles = {
        "token": [token.role for token in settings.api_tokens],
        "iap": [grant.role for grant in settings.access],
        "iam": [grant.role for grant in settings.access],
    }.get(settings.auth_mode, [Role.ADMIN])
    if Role.ADMIN not in roles:
        raise Unwell(f"you are {caller.name}, {caller.role}; nobody is admin, so nobody can settle or delete anything")
    return f"AUTH_MODE {settings.auth_mode}: you are {caller.name}, {caller.role}"


def _datastore(s: Services) -> str:
    rests = s.account.get().rests_until(s.clock())
    if rests:
        raise Unwell(f"it answers; the account with the engine rests until {rests.isoformat(timespec='seconds')}")
    return f"answers; {s.requests.count_pending()} requests wait for a slot"


def indexes(s: Services) -> str:
    """Each query that needs a composite index, on rows that nobody has: it fails where the index is not there.

    Raises:
        Exception: Datastore's own, which names the index.
    """
    now = s.clock()
    today = now.date()
    nobody = [Token(facet(Facet.COMPANY, _NOBODY))]
    s.requests.waiting_since(now)
    s.requests.first_in_line(limit=1, now=now)
    s.requests.next_in_line(Lane(_NOBODY, Priority.LIVE), limit=1, now=now)
    s.requests.latest_failed(FailureClass.DEFECT, limit=1)
    list(s.statistics.days(_NOBODY, today, today))
    s.inbox.of_request(_NOBODY)
    for order in {ORDERS[name] for name in ORDERS if not ORDERS[name].is_of_keys}:
        s.search.walk_sorted(nobody, order, limit=1)
    for name in NARROWED_BY:
        s.audit.page(AuditQuery(narrowed={name: _NOBODY}, size=1, cursor=None))
    return "every query that the functions make is served"


def _bucket(s: Services) -> str:
    s.audio.expect_bucket()
    return f"gs://{s.settings.recordings_bucket} can be read"


def _queues(s: Services) -> str:
    states = {stage: s.tasks.state_of(stage) for stage in (Stage.DISPATCH, Stage.SUBMIT, Stage.COLLECT)}
    paused = [f"the queue of {stage} is {state}" for stage, state in states.items() if state != "RUNNING"]
    if paused:
        raise Unwell("; ".join(paused))
    return "all three are running"


def _engine(s: Services) -> str:
    s.engine.prepare()
    return f"{urlsplit(s.settings.symbl_api_url).netloc} takes our credentials"


def _webhook(base_url: str) -> str:
    """From here, as the engine would: through the internet where that is the way."""
    response = requests.get(f"{base_url}/health", timeout=_WEBHOOK_S, allow_redirects=False)
    if not response.ok or '"symbl_webhook"' not in response.text:
        raise Unwell(
            f"{urlsplit(base_url).netloc} answers {response.status_code}, and it is not symbl_webhook that does"
        )
    return f"{urlsplit(base_url).netloc} answers"


def _sweep(s: Services) -> str:
    latest = next(iter(s.sweep_log.latest()), None)
    if latest is None:
        raise Unwell("there was none yet")
    ago = s.clock() - latest.began_at
    found = f"the last one was {ago.total_seconds():.0f} s ago"
    if ago > _MISSED * timedelta(seconds=s.settings.sweep_interval_s):
        raise Unwell(found)
    return found
