"""Action items and follow-ups: what somebody takes on, or is asked to do, after the call.

An action item is a promise ("I will send you …", "I need to ask …"), an offer with a date ("I can send a technician
tomorrow") or a request ("Please take pictures …"). A follow-up is a promise of a later contact. Threats and
conditions ("if this is not fixed, I will cancel") and what is done within the call ("I will put that on the
calendar") are neither.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from deploy.engine.analysis.dates import Spoken, dates_in
from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.questions import is_question, sentences_in

_ADVERBS = r"(?:(?:also|just|then|definitely|certainly|personally|go ahead and|be sure to)\s+)*"
#: Verbs of deeds that are done later and somewhere else; what may be asked of or offered to somebody.
_DEEDS = (
    r"(?:apply|arrange|ask|book|bring|buy|call|check with|contact|deliver|drop off|email|e-mail|fax|file"
    r"|fill (?:out|in)|follow up|forward"
    r"|get back|install|mail|order|pay|pick up|prepare|print|read|refund|replace|return|review|schedule|send"
    r"|ship|sign|submit|take"
    r"|talk to|text|update|upload|visit|write)"
)
_PROMISE = re.compile(
    rf"\b(?P<who>I|we)(?:\s+will|'ll|\s+am going to|\s+are going to|'m going to"
    rf"|'re going to)\s+{_ADVERBS}(?P<deed>(?!not\b|never\b)\w+.*)",
    re.IGNORECASE,
)
_DUTY = re.compile(
    rf"\b(?P<who>I|we)\s+(?:need to|have to|must|should)\s+{_ADVERBS}(?P<deed>{_DEEDS}\b.*)", re.IGNORECASE
)
_OFFER = re.compile(rf"\b(?P<who>I|we)\s+can\s+{_ADVERBS}(?P<deed>{_DEEDS}\b.*)", re.IGNORECASE)
_REQUEST = re.compile(
    rf"(?:\bplease\s+|\b(?:can|could|would|will)\s+you\s+(?:please\s+)?){_ADVERBS}(?P<deed>(?:{_DEEDS}|connect)\b.*)",
    re.IGNORECASE,
)
_MEETING_AGAIN = re.compile(
    r"\b(?:(?:may|can|could|shall)\s+(?:I|we)|(?P<who>I|we)(?:\s+will|'ll|\s+can|\s+am going to))\s+"
    r"(?P<deed>(?:call|phone|ring|contact|meet|see|visit|speak with|talk to|speak to)\s+you\b.*|(?:follow up"
    r"|check back|check in|"
    r"get back|touch base|reach out|circle back|be in touch)\b.*)",
    re.IGNORECASE,
)
_OTHER_MEETS = re.compile(
    r"(?P<other>(?:\b(?:my|our|the|a)\s+\w+(?:\s+\w+)?|\b(?:Doctor|Dr\.?|Mister|Mr\.?|Mrs\.?|Ms\.?"
    r"|Miss)\s+[A-Z]\w+|\b[A-Z]\w+)"
    r"(?:,\s*(?P<name>[A-Z]\w+),)?)\s+(?:will|is going to)\s+(?P<deed>(?:call|contact|phone|visit"
    r"|meet)\s+you\b.*|(?:follow up|get back|check"
    r" back|reach out)\b.*)"
)
#: What a promise holds that is no task: states, feelings, and what is done on the spot.
_NO_DEED = re.compile(
    r"(?:be|have|stay|see|need|do|like|think|know|wait|hold|cancel|close|switch|keep|remember|want|try|believe"
    r"|leave|get|let|say|tell|go|"
    r"understand|hope|guess|pay|appreciate|love|hate|take (?:it|that|my business)|make a note|put (?:that|it"
    r"|you)|write (?:that|it)|note)\b",
    re.IGNORECASE,
)
_GO_DEED = re.compile(
    r"(?:get (?:you|back|that|this|it|the|in touch)|let you know|be in touch|have (?:\w+ )?\w+ (?:call|send"
    r"|email)|pay the|try to (?:call|reach))\b",
    re.IGNORECASE,
)
_IN_CALL = re.compile(r"\b(?:on hold|on the line|for you here)\b", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|unless|whether|then we|then I|otherwise)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:do|does|did|what|when|where|how|why|that|who)\s+$", re.IGNORECASE)
_BEFORE_THEN = re.compile(r"\b(?:before|by|until)\s+then\b", re.IGNORECASE)
#: A contact that is only announced for "you call your insurance" is somebody's own.
_CLAUSES = re.compile(
    r",?\s+(?:and|but|so)\s+(?=(?:I|we|you|my|our)\b)|,\s+(?=(?:I|we|may I|can I)\b)|;\s*", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """Something to be done by `speaker`, `listener`, or whoever *by* names otherwise; *due* is in the call's zone."""

    ""

    message: Message
    text: str
    deed: str
    by: str
    score: float
    definitive: bool
    due: Spoken | None
    follow_up: bool


def tasks(messages: Sequence[Message], now: datetime) -> list[Task]:
    """Action items and follow-ups in order; *now* is the moment of the call in its own time zone."""
    found: list[Task] = []
    mentioned: Spoken | None = None
    for message in messages:
        for sentence in sentences_in(message.text):
            found += _in_sentence(message, sentence, now, mentioned)
            mentioned = next(reversed([date for date in dates_in(sentence, now) if date.kind != "now"]), mentioned)
    return found


def _in_sentence(message: Message, sentence: str, now: datetime, mentioned: Spoken | None) -> Iterator[Task]:
    if re.match(r"(?:and |but |so |no[, ]+)?(?:if|unless)\b", sentence, re.IGNORECASE):
        return
    earlier = ""
    seen: set[bool] = set()
    for clause in _CLAUSES.split(sentence):
        task = None if _CONDITION.search(clause) else _in_clause(message, sentence, clause, now, mentioned)
        if task is not None and task.follow_up not in seen:
            seen.add(task.follow_up)
            if task.due is None and not earlier:
                rest = [date for date in dates_in(sentence, now) if date.kind != "now"]
                task = dataclasses.replace(task, due=rest[-1] if len(rest) == 1 else None)
            yield task
        earlier = clause


def _in_clause(message: Message, sentence: str, clause: str, now: datetime, mentioned: Spoken | None) -> Task | None:
    for pattern, by, score, follow_up in _KINDS:
        found = pattern.search(clause)
        if (
            found is None
            or _IN_CALL.search(clause)
            or (found.groupdict().get("who") and _ASKING.search(clause[: found.start()]))
        ):
            continue
        deed = found["deed"].rstrip(" .?!,")
        due = _due(deed, now, mentioned)
        if pattern is _PROMISE and _NO_DEED.match(deed) and not _GO_DEED.match(deed):
            continue
        if due is None and (pattern is _OFFER or (pattern is _MEETING_AGAIN and is_question(clause))):
            continue
        whose = by if by != "other" else (found["name"] or re.sub(r"^(?:And|But|So|Then)\s+", "", found["other"]))
        return Task(
            message=message,
            text=sentence,
            deed=deed,
            by=whose,
            score=score,
            definitive=pattern in {_PROMISE, _MEETING_AGAIN, _OTHER_MEETS} and not is_question(clause),
            due=due,
            follow_up=follow_up,
        )
    return None


_KINDS = (
    (_MEETING_AGAIN, "speaker", 0.95, True),
    (_OTHER_MEETS, "other", 0.9, True),
    (_PROMISE, "speaker", 0.95, False),
    (_DUTY, "speaker", 0.85, False),
    (_OFFER, "speaker", 0.8, False),
    (_REQUEST, "listener", 0.85, False),
)


def _due(deed: str, now: datetime, mentioned: Spoken | None) -> Spoken | None:
    if _BEFORE_THEN.search(deed) and mentioned is not None:
        return mentioned
    return next(iter(dates_in(deed, now)), None)
