"""Every state of every page: how it comes about, where it is opened and what it must say to its reader."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest

from common.adapters.datastore.audit import DatastoreAudit
from common.adapters.datastore.companies import DatastoreCompanies
from common.bootstrap import services
from common.errors import Exchange
from common.model.audit import KEPT_FOR, Action, AuditEvent
from common.model.business_ux import BusinessUX
from common.model.company import CompanyDefaults, Tracker
from common.model.intelligence import SECTIONS, Section, SectionState
from common.model.lifecycle import JobStatus
from common.model.recording import Role, Speaker
from common.model.share import ShareLink, share_token
from deploy.local.datastore import DatastoreServer
from tests.conftest import SETTINGS
from tests.datastore_faults import refusing
from tests.factories import NOW, SampleCall, a_conversation, a_job, an_error, ended_badly, sample_calls
from tests.integration.dashboard.flow import Flow
from tests.integration.dashboard.rows import (
    CallRows,
    a_collected_job,
    belonging,
    sample_conversation,
    sample_results,
)
from tests.tokens import a_token, api_tokens

if TYPE_CHECKING:
    from common.model.conversation import ConversationMetadata
    from common.model.intelligence import Message
    from common.model.job import SymblAsyncRequest

ATTACK = """"><script>alert(1)</script><img src=x onerror='alert(1)'>{{7*7}}"""
#: What others choose the text of.
CHOSEN = frozenset(
    {"text", "name", "email", "value", "company", "file_name", "service_type", "external_id", "category"}
)
#: The days of the sample calls.
SAMPLES = "days=90&until=2026-05-10"


@dataclasses.dataclass
class Scene:
    """What a state is arranged with."""

    datastore: DatastoreServer
    rows: CallRows
    playable: SampleCall
    generation: int  #: of the playable call's audio, which lies in the bucket
    until_closed: contextlib.ExitStack

    @property
    def flow(self) -> Flow:
        """The pipeline at work, now."""
        return Flow(self.rows, datetime.now(UTC))

    def archive(self) -> list[str]:
        """The six sample calls, finished; their ids."""
        return [self.rows.put_sample(call, number=number) for number, call in enumerate(sample_calls(), start=1)]

    def finished(self) -> str:
        """A finished call whose audio can be played; its id."""
        return self.rows.put_sample(self.playable, generation=self.generation)

    def in_work(self, status: JobStatus, number: int = 8, *, age: timedelta = timedelta(minutes=2)) -> str:
        """A call that has got so far; its id."""
        now = datetime.now(UTC)
        conversation = a_conversation(
            number, name="Delivery that never came", started_at=now - timedelta(minutes=15), created_at=now - age
        )
        return self.rows.put(conversation, belonging(a_job(status, number=number, now=now - age), conversation))

    def failed(self, number: int = 9) -> str:
        """A call that was given up; its id."""
        conversation = a_conversation(number, name="Forty minutes of hold music")
        return self.rows.put(conversation, belonging(ended_badly(a_job(number=number)), conversation))


@dataclasses.dataclass(frozen=True)
class State:
    """A page in a state: `arranged` makes it so and gives the path, `says` is what a reader must find."""

    name: str
    arranged: Callable[[Scene], str]
    says: str
    status: int = 200


def _beside(arrange: Callable[[Scene], object], path: str) -> Callable[[Scene], str]:
    """A page beside which something has been arranged."""

    def arranged(scene: Scene) -> str:
        arrange(scene)
        return path

    return arranged


def _everything(scene: Scene) -> None:
    """An archive that also holds what is in work and what failed."""
    scene.archive()
    scene.in_work(JobStatus.IN_PROGRESS)
    scene.failed()


def _a_few(scene: Scene) -> None:
    """One of each: finished, in work, failed."""
    scene.finished()
    scene.in_work(JobStatus.IN_PROGRESS)
    scene.failed()


def _without_queries(path: str) -> Callable[[Scene], str]:
    """A page over an archive that cannot be asked for anything but single rows."""

    def arranged(scene: Scene) -> str:
        scene.finished()
        scene.until_closed.enter_context(refusing(scene.datastore, "run_query"))
        return path

    return arranged


def _call_without_queries(scene: Scene) -> str:
    path = f"/calls/{scene.finished()}?filter=plan"
    scene.until_closed.enter_context(refusing(scene.datastore, "run_query"))
    return path


def _at_work(scene: Scene) -> str:
    scene.flow.of_everything()
    return "/ops"


def _refused_account(scene: Scene) -> str:
    flow = scene.flow
    flow.waiting(12, "Brightline Mobile", age=timedelta(minutes=9))
    flow.refuse_account(until=flow.now + timedelta(minutes=4))
    return "/ops"


def _lowered_cap(scene: Scene) -> str:
    flow = scene.flow
    for minutes in range(1, 9):
        flow.taken(age=timedelta(minutes=minutes), length=timedelta(minutes=40))
    flow.waiting(30, "Northside Plumbing", age=timedelta(minutes=20))
    flow.throttle(active=8)
    return "/ops"


def _unreadable_part(scene: Scene) -> str:
    scene.flow.of_everything()
    scene.flow.spoil("SymblSlot", "slot-0099")
    return "/ops"


def _call(change: Callable[[ConversationMetadata], ConversationMetadata], *, number: int = 0) -> Callable[[Scene], str]:
    """A sample call with all of its results, whose metadata is otherwise."""

    def arranged(scene: Scene) -> str:
        call = sample_calls()[number]
        results = sample_results(call)
        conversation = change(sample_conversation(call))
        return f"/calls/{scene.rows.put(conversation, a_collected_job(conversation, results=results), results)}"

    return arranged


def _found_in(scene: Scene) -> str:
    """A call in a list, looked at through a search, of a company whose disclosure was not said."""
    trackers = tuple(Tracker(name=name, vocabulary=("x",)) for name in ("Refund Disclosure", "Competitor"))
    company = scene.playable.truth["company"]
    DatastoreCompanies(scene.rows.client).put_defaults(CompanyDefaults(company=company, trackers=trackers))
    ids = dict(zip((call.path for call in sample_calls()), scene.archive(), strict=True))
    return f"/calls/{ids[scene.playable.path]}?filter=cancel&find=cancel"


def _very_long(scene: Scene) -> str:
    """Four hours of a sample call, said again and again."""
    call = sample_calls()[0]
    results = sample_results(call)
    once = cast("tuple[Message, ...]", results["messages"])
    length = call.truth["duration_s"] + 8
    repeated = tuple(
        dataclasses.replace(message, id=f"{number}-{message.id}", start=message.start + number * length)
        for number in range(int(4 * 3600 / length))
        for message in once
    )
    results = {**results, "messages": repeated}
    conversation = dataclasses.replace(sample_conversation(call), duration=timedelta(hours=4))
    id_ = scene.rows.put(conversation, a_collected_job(conversation, results=results), results)
    return f"/calls/{id_}?t=1800"


def _without_speech(scene: Scene) -> str:
    conversation = a_conversation(name="A line that stayed open")
    results = {section.name: () for section in SECTIONS}
    return f"/calls/{scene.rows.put(conversation, a_collected_job(conversation, results=results), results)}"


def _partial(scene: Scene) -> str:
    call = sample_calls()[0]
    conversation, messages = sample_conversation(call), sample_results(call)["messages"]
    sections = [
        Section(name="messages", state=SectionState.STORED, count=len(messages), at=NOW),
        Section(name="topics", state=SectionState.ERROR, error="503 from the engine"),
        Section(name="summary", state=SectionState.ABSENT),
    ]
    job: SymblAsyncRequest = a_job(JobStatus.COMPLETED).collected(sections, next_check_at=NOW)
    return f"/calls/{scene.rows.put(conversation, belonging(job, conversation), {'messages': messages})}"


def _one_voice(conversation: ConversationMetadata) -> ConversationMetadata:
    agent = Speaker(name="Priya Raman", email="priya@brightline.example", role=Role.AGENT, channel=1)
    return dataclasses.replace(conversation, channels=1, separate_channels=False, speakers=(agent,))


def _hostile(value: Any) -> Any:
    """The same, with an attack in each text that a sender, a speaker or an engine may choose."""
    if isinstance(value, tuple):
        return tuple(map(_hostile, value))
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return dataclasses.replace(
        value, **{name: ATTACK if name in CHOSEN and text else _hostile(text) for name, text in fields.items()}
    )


def _hostile_call(scene: Scene) -> str:
    """A call that attacks whoever looks at it; its id."""
    results = {name: _hostile(rows) for name, rows in sample_results(scene.playable).items()}
    conversation = _hostile(sample_conversation(scene.playable))
    return scene.rows.put(conversation, a_collected_job(conversation, results=results), results)


def _hostile_failure(scene: Scene) -> str:
    """A call that failed with an attack for a reason; its id."""
    conversation = _hostile(a_conversation(9))
    error = dataclasses.replace(an_error(ATTACK), exchange=Exchange(ATTACK, ATTACK))
    return scene.rows.put(conversation, belonging(ended_badly(a_job(number=9), error), conversation))


def _settled(scene: Scene, **look: Any) -> str:
    """A company with a look and trackers; its name."""
    companies = DatastoreCompanies(scene.rows.client)
    company = scene.playable.truth["company"]
    trackers = tuple(Tracker(name=name, vocabulary=("one phrase", "another")) for name in ("Refund", "Escalation"))
    companies.put_defaults(CompanyDefaults(company=company, trackers=trackers, prefix="calls/"))
    companies.put_business_ux(BusinessUX(company=company, **look))
    return company


def _business(**look: Any) -> Callable[[Scene], str]:
    return lambda scene: f"/settings/companies/{quote(_settled(scene, **look))}"


def _summary(*, lives: timedelta = timedelta(days=1), **look: Any) -> Callable[[Scene], str]:
    """The summary page of a call, by a link that lives so long from now."""

    def arranged(scene: Scene) -> str:
        _settled(scene, **look)
        return _shared(scene.finished(), lives)

    return arranged


def _shared(recording_id: str, lives: timedelta = timedelta(days=1)) -> str:
    link = ShareLink(recording_id=recording_id, expires_at=(datetime.now(UTC) + lives).replace(microsecond=0))
    return f"/share/{share_token(link, secret=SETTINGS['WEBHOOK_SECRETS'].split(',')[0])}"


def _hostile_business(scene: Scene) -> str:
    companies = DatastoreCompanies(scene.rows.client)
    companies.put_business_ux(BusinessUX(company="Evil", display_name=ATTACK))
    companies.put_defaults(CompanyDefaults(company="Evil", trackers=(Tracker(name=ATTACK, vocabulary=(ATTACK,)),)))
    return "/settings/companies/Evil"


def _shared_call(scene: Scene) -> str:
    _settled(scene, allowed_origins=("https://crm.example",))
    return f"/calls/{scene.finished()}?shared={int((datetime.now(UTC) + timedelta(days=1)).timestamp())}"


def _audited(scene: Scene, *, by: str = "kim@brightline.example", why: str = "asked by the customer") -> str:
    """One of everything that can be done, by somebody to a call of a company."""
    trail = DatastoreAudit(scene.rows.client)
    company, recording_id = scene.playable.truth["company"], scene.finished()
    now = datetime.now(UTC)
    for number, action in enumerate(Action):
        event = AuditEvent(
            at=now - timedelta(minutes=7 * number),
            who=by,
            role="admin",
            action=action,
            company=None if action is Action.INDEX_MADE else company,
            recording_id=recording_id if action.startswith("call.") else None,
            what="/api/v1/recordings?filter=refund&view=FULL" if action is Action.CALLS_EXPORTED else None,
            reason=why if action in {Action.CALL_DELETED, Action.CALL_REPLAYED} else None,
            request_id="6d2b62db1abd4eeba72def3dfb77e119",
            expires_at=now + KEPT_FOR,
        )
        trail.add(f"event-{number}", event)
    return "/audit?page_size=12"


def _with_tokens(scene: Scene) -> str:
    """An installation that asks for a token."""
    patch = scene.until_closed.enter_context(pytest.MonkeyPatch.context())
    patch.setenv("AUTH_MODE", "token")
    patch.setenv("API_TOKENS", api_tokens(a_token("the-token")))
    services.cache_clear()
    scene.until_closed.callback(services.cache_clear)
    return "/calls?filter=refund"


def _long_words(conversation: ConversationMetadata) -> ConversationMetadata:
    return dataclasses.replace(
        conversation,
        name="W" * 120,
        company="Donaudampfschifffahrtsgesellschaft" * 3,
        file_name=f"{'x' * 150}.wav",
        external_id="0" * 90,
    )


STATES = (
    State("overview", _beside(_everything, f"/?{SAMPLES}"), "Calls analysed"),
    State("overview-first-run", lambda _: "/", "No calls yet"),
    State("overview-empty-range", _beside(_a_few, "/?days=7&until=2020-01-07"), "No calls 1"),
    State("overview-another-company", _beside(_a_few, "/?company=Nobody"), "of Nobody"),
    State("overview-partial", _without_queries(f"/?{SAMPLES}"), "could not be read"),
    State("calls", _beside(_everything, "/calls"), "8 calls"),
    State("calls-first-run", lambda _: "/calls", "No calls yet"),
    State(
        "calls-found",
        _beside(_everything, "/calls?filter=by:customer+supervisor+OR+price+OR+cancel+OR+appointment"),
        "calls, the latest first",
    ),
    State("calls-none-found", _beside(_a_few, "/calls?filter=zebra+agent:nobody"), "No call"),
    State("calls-mistaken", _beside(_a_few, "/calls?filter=agnet:x"), "agent", 400),
    State("call", lambda scene: f"/calls/{scene.finished()}", "Transcript"),
    State("call-at-a-moment", lambda scene: f"/calls/{scene.finished()}?t=0:30", "Transcript"),
    State("call-found", _found_in, "turns"),
    State("call-by-customer", lambda scene: f"/calls/{scene.finished()}?speaker=customer", "turns"),
    State("call-very-long", _very_long, "3:45:00"),
    State("call-pending", lambda scene: f"/calls/{scene.in_work(JobStatus.PENDING)}", "appear here"),
    State("call-in-work", lambda scene: f"/calls/{scene.in_work(JobStatus.IN_PROGRESS)}", "appear here"),
    State("call-failed", lambda scene: f"/calls/{scene.failed()}", "The analysis failed"),
    State("call-without-queries", _call_without_queries, "cannot be read right now"),
    State("call-partial", _partial, "Could not be fetched yet"),
    State("call-without-speech", _without_speech, "No speech was found"),
    State("call-one-voice", _call(_one_voice), "Transcript"),
    State("call-long-words", _call(_long_words), "Transcript"),
    State("call-unknown", lambda _: "/calls/neverwas", "There is no call", 404),
    State("call-hostile", lambda scene: f"/calls/{_hostile_call(scene)}", ATTACK),
    State("call-failed-hostile", lambda scene: f"/calls/{_hostile_failure(scene)}", ATTACK),
    State("calls-hostile", _beside(_hostile_call, "/calls?filter=alert"), ATTACK),
    State("overview-hostile", _beside(_hostile_call, f"/?{SAMPLES}"), ATTACK),
    State("operations-hostile", _beside(_hostile_failure, "/ops"), ATTACK),
    State("operations", _at_work, "Slots"),
    State("operations-quiet", lambda _: "/ops", "Slots"),
    State("operations-account-refused", _refused_account, "appId"),
    State("operations-cap-lowered", _lowered_cap, "429"),
    State("operations-partial", _unreadable_part, "cannot be read right now"),
    State("businesses", _beside(_settled, "/settings/companies"), "Brightline"),
    State("businesses-first-run", lambda _: "/settings/companies", "No company has settled anything"),
    State("audit", _audited, "kim@brightline.example"),
    State("audit-none", lambda _: "/audit?who=nobody", "Nothing of this was done"),
    State("audit-hostile", lambda scene: _audited(scene, by=ATTACK, why=ATTACK), ATTACK),
    State("sign-in", _with_tokens, "Sign in", 401),
    State("business", _business(color_background="#10243e", color_topics_filter="#ffcc00"), "Another tracker"),
    State("business-hostile", _hostile_business, ATTACK),
    State("summary", _summary(), "Action item"),
    State("summary-dark", _summary(color_background="#10243e", color_topics_filter="#ffcc00"), "Action item"),
    State("summary-grey", _summary(color_background="#7b7b7b", color_insights_filter="#808080"), "Action item"),
    State("summary-hostile", lambda scene: _shared(_hostile_call(scene)), ATTACK),
    State("summary-expired", _summary(lives=-timedelta(days=1)), "This link expired on", 410),
    State("summary-forged", lambda _: "/share/AQ", "not complete, or was changed", 404),
    State("call-shared", _shared_call, "May be embedded on https://crm.example"),
    State("help-api", lambda _: "/help/api", "Idempotency-Key"),
    State("help-search", lambda _: "/help/search", "failure_class"),
    State("nowhere", lambda _: "/nowhere", "There is nothing at", 404),
    State("datastore-away", _without_queries("/calls"), "try again in a few seconds", 503),
)
