"""The account's trackers, in both of Symbl's schemes: `/v1/manage/tracker` of 2022, `/v1/manage/trackers` since.

`POST /v1/manage/trackers` makes several from an array, as it did in 2022, and one from an object, as it does since.
Limits: Symbl's Create Tracker reference. What a name or a phrase is changed to holds for recordings sent in from then
on; those before keep what they were sent in with.
"""

import copy
import functools
import threading
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import Flask, request
from flask.typing import ResponseReturnValue
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from deploy.engine import ids
from deploy.engine.edge import Json, json_body
from deploy.engine.errors import BadRequest, TooMany
from deploy.engine.instants import iso
from deploy.engine.joi import BODY, Text, as_object, validated, validated_array
from deploy.engine.store import Store, Tracker
from deploy.engine.submission import Submission, TrackerSpec

if TYPE_CHECKING:
    from deploy.engine.engine import Engine

MAX_TRACKERS = 500
MAX_PHRASE = 512
BUSY = (
    "This API has a limit of maximum of `1` number of concurrent requests per account. "
    "Send the next call when the one before it was answered, or several trackers at once."
)
_PUNCTUATION = ".'-"
_PATCHED = r"^/(name|description|categories|languages|vocabulary)(/(\d{1,4}|-))?$"


def _plainly_punctuated(phrase: str) -> str:
    if any(unicodedata.category(sign).startswith("P") and sign not in _PUNCTUATION for sign in phrase):
        raise ValueError("must contain no punctuation but . ' and -")
    return phrase


def _without_duplicates(phrases: list[str]) -> list[str]:
    for position, phrase in enumerate(phrases):
        if phrase in phrases[:position]:
            raise ValueError(f"contains a duplicate value at position {position}")
    return phrases


Phrase = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PHRASE), AfterValidator(_plainly_punctuated)]


class TrackerBody(BaseModel):
    """A tracker as it is sent; a wrong key is refused, as documented."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    name: Text
    description: str = ""
    categories: list[Text] = []
    languages: list[Text] = []
    vocabulary: Annotated[list[Phrase], Field(min_length=1), AfterValidator(_without_duplicates)]


class TrackerReplacement(TrackerBody):
    """The body of `PUT /v1/manage/tracker/{id}`, which repeats the id."""

    id: Text | None = None


class PatchStep(BaseModel):
    """One step of `PATCH /v1/manage/trackers/{id}`, as in RFC 6902."""

    model_config = BODY

    op: Literal["add", "remove", "replace"]
    path: Annotated[str, StringConstraints(pattern=_PATCHED)]
    value: str | list[str] = ""


def with_account_trackers(submission: Submission, known: Sequence[Tracker]) -> Submission:
    """The submission with the account's trackers, where it asks for them, beside its own."""
    if not submission.enableAllTrackers:
        return submission
    of_account = [TrackerSpec(id=t.id, name=t.name, vocabulary=t.body["vocabulary"]) for t in known]
    return submission.model_copy(update={"trackers": [*submission.trackers, *of_account]})


def as_json(tracker: Tracker) -> Json:
    """The tracker as it is answered."""
    return {
        "id": tracker.id,
        "name": tracker.name,
        **tracker.body,
        "createdOn": iso(tracker.created_at),
        "updatedOn": iso(tracker.updated_at),
    }


class TrackerRegister:
    """Makes, changes and forgets trackers, one call at a time: Symbl allowed one, and refused the second."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.turn = threading.Lock()

    def alone(self, view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        """The view, which refuses while another such call is under way."""

        @functools.wraps(view)
        def answer(**path: str) -> ResponseReturnValue:
            if not self.turn.acquire(blocking=False):
                raise TooMany(BUSY)
            try:
                return view(**path)
            finally:
                self.turn.release()

        return answer

    def make(self, bodies: Sequence[TrackerBody], now: datetime) -> list[Tracker]:
        """Make trackers, all or none.

        Raises:
            BadRequest: the account would have too many.
            Conflict: a name is taken, or twice among them.
        """
        with self._store.transaction():
            if len(self._store.trackers()) + len(bodies) > MAX_TRACKERS:
                raise BadRequest(f"An account has at most {MAX_TRACKERS} trackers: delete some.")
            made = [_tracker(ids.new_conversation_id(), body, created_at=now, updated_at=now) for body in bodies]
            for tracker in made:
                self._store.put_tracker(tracker)
        return made

    def change(self, tracker_id: str, body: TrackerBody, now: datetime) -> Tracker:
        """Replace what is known of a tracker; what *body* leaves out stays.

        Raises:
            NotFound: there is none of that id.
            Conflict: another has the name.
        """
        with self._store.transaction():
            before = self._store.tracker(tracker_id)
            said = {**before.body, **body.model_dump(include=body.model_fields_set & set(TrackerBody.model_fields))}
            whole = TrackerBody(**{"name": before.name, **said})
            changed = _tracker(tracker_id, whole, created_at=before.created_at, updated_at=now)
            self._store.put_tracker(changed)
        return changed

    def patch(self, tracker_id: str, steps: Sequence[PatchStep], now: datetime) -> Tracker:
        """Change a tracker step by step, all or none.

        Raises:
            NotFound: there is none of that id.
            BadRequest: a step cannot be taken, or leads to what is no tracker.
            Conflict: another has the name.
        """
        with self._store.transaction():
            before = self._store.tracker(tracker_id)
            document: Json = {"name": before.name, **copy.deepcopy(before.body)}
            for position, step in enumerate(steps):
                try:
                    _take(step, document)
                except (LookupError, TypeError, ValueError):
                    raise BadRequest(f'"[{position}].path" names nothing that can be so changed: {step.path}') from None
            return self.change(tracker_id, validated(TrackerBody, document), now)


def _tracker(tracker_id: str, body: TrackerBody, *, created_at: datetime, updated_at: datetime) -> Tracker:
    rest = body.model_dump(include={"description", "categories", "languages", "vocabulary"})
    return Tracker(tracker_id, body.name, rest, created_at=created_at, updated_at=updated_at)


def _take(step: PatchStep, document: Json) -> None:
    _, field, *rest = step.path.split("/")
    if not rest:
        document[field] = step.value if step.op != "remove" else ([] if isinstance(document[field], list) else "")
        return
    items: Any = document[field]
    if not isinstance(items, list):
        raise TypeError(field)
    match step.op, rest[0]:
        case "add", "-":
            items.append(step.value)
        case "add", position if int(position) <= len(items):
            items.insert(int(position), step.value)
        case "replace", position:
            items[int(position)] = step.value
        case "remove", position:
            del items[int(position)]
        case _:
            raise LookupError(step.path)


def add_trackers(app: Flask, engine: "Engine") -> None:
    """Serve the trackers of the account, in both schemes."""
    _add_making(app, engine)
    _add_reading(app, engine)
    _add_changing(app, engine)


def _add_making(app: Flask, engine: "Engine") -> None:
    register = engine.trackers
    made_status = engine.settings.created_status

    @app.post("/v1/manage/tracker")
    @register.alone
    def make_tracker() -> ResponseReturnValue:
        (made,) = register.make([validated(TrackerBody, as_object(json_body()))], engine.clock())
        return {"tracker": as_json(made)}, made_status

    @app.post("/v1/manage/trackers")
    @register.alone
    def make_tracker_or_trackers() -> ResponseReturnValue:
        body = json_body()
        if isinstance(body, list):
            return make_all(body)
        (made,) = register.make([validated(TrackerBody, as_object(body))], engine.clock())
        return {"tracker": as_json(made)}, made_status

    @app.post("/v1/manage/trackers/bulk")
    @register.alone
    def make_trackers() -> ResponseReturnValue:
        return make_all(json_body())

    def make_all(body: object) -> ResponseReturnValue:
        made = register.make(validated_array(TrackerBody, body), engine.clock())
        return {"trackers": [as_json(tracker) for tracker in made]}, made_status


def _add_reading(app: Flask, engine: "Engine") -> None:
    register, store = engine.trackers, engine.store

    @app.get("/v1/manage/trackers")
    @register.alone
    def list_trackers() -> ResponseReturnValue:
        return {"trackers": [as_json(tracker) for tracker in store.trackers(request.args.get("name"))]}

    @app.get("/v1/manage/tracker/<tracker_id>")
    @app.get("/v1/manage/trackers/<tracker_id>")
    @register.alone
    def read_tracker(tracker_id: str) -> ResponseReturnValue:
        return {"tracker": as_json(store.tracker(tracker_id))}


def _add_changing(app: Flask, engine: "Engine") -> None:
    register, store = engine.trackers, engine.store

    @app.put("/v1/manage/tracker/<tracker_id>")
    @register.alone
    def replace_tracker(tracker_id: str) -> ResponseReturnValue:
        body = validated(TrackerReplacement, as_object(json_body()))
        if body.id not in {None, tracker_id}:
            raise BadRequest(f'"id" must be {tracker_id}, the tracker of the path')
        return {"tracker": as_json(register.change(tracker_id, body, engine.clock()))}

    @app.patch("/v1/manage/trackers/<tracker_id>")
    @register.alone
    def patch_tracker(tracker_id: str) -> ResponseReturnValue:
        steps = validated_array(PatchStep, json_body())
        return {"tracker": as_json(register.patch(tracker_id, steps, engine.clock()))}

    @app.delete("/v1/manage/tracker/<tracker_id>")
    @app.delete("/v1/manage/trackers/<tracker_id>")
    @register.alone
    def delete_tracker(tracker_id: str) -> ResponseReturnValue:
        store.delete_tracker(tracker_id)
        return {"id": tracker_id, "type": "tracker", "deleted": True}
