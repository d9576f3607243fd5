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
from deploy.engine.analysis.questions import sentences_in


def _one_of(phrases: str) -> str:
    """A pattern for any of *phrases*, which commas part."""
    return f"(?:{'|'.join(phrase.strip() for phrase in phrases.split(','))})"


_ADVERBS = f"(?:{_one_of('also, just, then, definitely, certainly, personally, go ahead and, be sure to')}\\s+)*"
_WILL = r"(?:\s+will|'ll|\s+am going to|\s+are going to|'m going to|'re going to)"
#: Deeds that are done later and somewhere else: what may be asked of or offered to somebody.
_DEEDS = _one_of(
    "apply, arrange, ask, book, bring, buy, call, check with, contact, deliver, drop off, email, e-mail, fax, file, "
    "fill out, fill in, follow up, forward, get back, install, mail, order, pay, pick up, prepare, print, read, "
    "refund, replace, return, review, schedule, send, ship, sign, submit, take, talk to, text, update, "
    "upload, visit, write"
)
_REACH_YOU = _one_of("call, phone, ring, contact, meet, see, visit, speak with, speak to, talk to") + r"\s+you\b"
_AGAIN = _one_of("follow up, get back, check back, check in, touch base, reach out, circle back, be in touch")
_PERSON = r"(?:(?:Doctor|Dr\.?|Mister|Mr\.?|Mrs\.?|Ms\.?|Miss)\s+)?\b[A-Z]\w+"
#: What a promise may hold that is no task: states, feelings, what is done on the spot. What of that is one after all.
_NO_DEED = _one_of(
    "be, have, stay, see, need, do, like, think, know, wait, hold, cancel, close, switch, keep, remember, want, try, "
    "believe, leave, get, let, say, tell, go, understand, hope, guess, pay, appreciate, love, hate, note, take it, "
    "take that, take my business, make a note, put that, put it, put you, write that, write it"
)
_DEED_AFTER_ALL = _one_of(
    "get you, get back, get that, get this, get it, get the, get in touch, let you know, be in touch, pay the, "
    r"try to call, try to reach, have (?:\w+ )?\w+ call, have (?:\w+ )?\w+ send, have (?:\w+ )?\w+ email"
)
_SOME_DEED = rf"(?!(?:not|never)\b)(?={_DEED_AFTER_ALL}\b|(?!{_NO_DEED}\b))"
_IN_CALL = re.compile(r"\b(?:on hold|on the line|for you here)\b", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|unless|whether|then we|then I|otherwise)\b", re.IGNORECASE)
_CONDITION_FIRST = re.compile(r"(?:and |but |so |no[, ]+)?(?:if|unless)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:do|does|did|what|when|where|how|why|that|who)\s+$", re.IGNORECASE)
_BEFORE_THEN = re.compile(r"\b(?:before|by|until)\s+then\b", re.IGNORECASE)
#: Where a sentence turns to somebody's next deed; recognisers write such turns as commas.
_CLAUSES = re.compile(
    r",?\s+(?:and|but|so)\s+(?=(?:I|we|you|my|our)\b)|,\s+(?=(?:I|we|may I|can I)\b)|;\s*", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Form:
    """One way to say a task; *needs_date* where without a date it is mere talk, *definitive* where it is a promise."""

    pattern: re.Pattern[str]
    by: str
    score: float
    follow_up: bool = False
    needs_date: bool = False
    definitive: bool = True


def _form(pattern: str, by: str, score: float, **kinds: bool) -> _Form:
    return _Form(re.compile(pattern, 0 if by == "other" else re.IGNORECASE), by, score, **kinds)


#: The first form that fits a clause counts.
_FORMS = (
    _form(
        rf"\b(?P<who>I|we)(?:{_WILL}|\s+can)\s+(?P<deed>(?:{_REACH_YOU}|{_AGAIN}\b).*)",
        "speaker", 0.95, follow_up=True,
    ),
    _form(
        rf"\b(?:may|can|could|shall)\s+(?:I|we)\s+(?P<deed>(?:{_REACH_YOU}|{_AGAIN}\b).*)",
        "speaker", 0.95, follow_up=True, needs_date=True, definitive=False,
    ),
    _form(
        rf"(?P<other>(?:\b(?:my|our|the|a)\s+\w+(?:\s+\w+)?|{_PERSON})(?:,\s*(?P<name>[A-Z]\w+),)?)"
        rf"\s+(?:will|is going to)\s+(?P<deed>(?:{_REACH_YOU}|{_AGAIN}\b).*)",
        "other", 0.9, follow_up=True,
    ),
    _form(
            rf"\b(?P<who>I|we){_WILL}\s+{_ADVERBS}(?!(?:not|never)\b)(?={_DEED_AFTER_ALL}\b|(?!{_NO_DEED}\b))(?P<deed>\w+.*)",
        "speaker", 0.95,
    ),
    _form(
        rf"\b(?P<who>I|we)\s+(?:need to|have to|must|should)\s+{_ADVERBS}(?P<deed>{_DEEDS}\b.*)",
        "speaker", 0.85, definitive=False,
    ),
    _form(
        rf"\b(?P<who>I|we)\s+can\s+{_ADVERBS}(?P<deed>{_DEEDS}\b.*)",
        "speaker", 0.8, needs_date=True, definitive=False,
    ),
    _form(
        rf"(?:\bplease\s+|\b(?:can|could|would|will)\s+you\s+(?:please\s+)?){_ADVERBS}(?P<deed>(?:{_DEEDS}|connect)\b.*)",
        "listener", 0.85, definitive=False,
    ),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """Something to be done by `speaker`, `listener`, or whoever *by* names otherwise; *due* is in the call's zone."""

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
    if _CONDITION_FIRST.match(sentence):
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
    if _IN_CALL.search(clause):
        return None
    for form in _FORMS:
        found = form.pattern.search(clause)
        if found is None or ("who" in found.groupdict() and _ASKING.search(clause[: found.start()])):
            continue
        deed = found["deed"].rstrip(" .?!,")
        due = _due(deed, now, mentioned)
        if form.needs_date and due is None:
            continue
        return Task(
            message=message,
            text=sentence,
            deed=deed,
            by=_other(found) if form.by == "other" else form.by,
            score=form.score,
            definitive=form.definitive,
            due=due,
            follow_up=form.follow_up,
        )
    return None


def _other(found: re.Match[str]) -> str:
    """Who else is to do it: the name where one was said, else "my supervisor" and the like."""
    return found["name"] or re.sub(r"^(?:And|But|So|Then)\s+", "", found["other"])


def _due(deed: str, now: datetime, mentioned: Spoken | None) -> Spoken | None:
    if _BEFORE_THEN.search(deed) and mentioned is not None:
        return mentioned
    return next(iter(dates_in(deed, now)), None)
