"""Entities by rule: money, dates, telephone numbers, e-mail addresses, people, places, and what the request defines."""

import dataclasses
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from deploy.engine.analysis.dates import dates_in
from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.normal import Phrase, tokens

_NUMBER = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen"
    r"|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand)"
)
_DIGIT = r"(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)"
_STATE = (
    "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho"
    "|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi"
    "|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota"
    "|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont"
    "|Virginia|Washington|West Virginia|Wisconsin|Wyoming"
)
_NAME = r"[A-Z][a-z]+(?:\s+[A-Z][a-z]+)?"
_FULL_NAME = r"[A-Z][a-z]+\s+[A-Z][a-z]+"
#: Who is named right after what they are: "the manager, Denise, is out".
_ROLE = (
    r"(?:manager|supervisor|colleague|coworker|boss|assistant|technician|agent|adjuster|representative|wife|husband|partner"
    r"|son|daughter|brother|sister|mother|father|friend|neighbor|lawyer|accountant|landlord|dentist)"
)
_RULES = [
    ("money", "amount", re.compile(
        rf"[$£€]\s?\d[\d,]*(?:\.\d+)?|\b(?:\d[\d,]*(?:\.\d+)?|{_NUMBER}(?:[\s-]+(?:and\s+)?{_NUMBER})*)\s+(?:dollars?|cents|euros?|pounds)\b",
        re.IGNORECASE)),
    ("phone_number", "number", re.compile(
        rf"(?:\+?1[\s.-]?)?(?:\(\d{{3}}\)|\d{{3}})[\s.-]\d{{3}}[\s.-]\d{{4}}\b|\b\d{{3}}-\d{{4}}\b|\b{_DIGIT}(?:[\s,]+{_DIGIT}){{6,10}}\b",
        re.IGNORECASE)),
    ("email", "address", re.compile(
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b[a-z]+(?:\s+dot\s+[a-z]+)*\s+at\s+[a-z]+(?:\s+dot\s+[a-z]+)+\b",
        re.IGNORECASE)),
    ("location", "address", re.compile(
        rf"\b(?:\d+[A-Za-z]?|(?i:{_NUMBER})(?:[\s-](?i:{_NUMBER}))*)(?:\s+\w+){{1,2}}\s+(?i:street|avenue|road|drive|lane|boulevard|court|way)\b")),
    ("location", "city", re.compile(rf"\b(?P<value>[A-Z][a-z]+(?:\s[A-Z][a-z]+)?),\s+(?:{_STATE})\b")),
    ("location", "state", re.compile(rf"\b(?:{_STATE})\b")),
    ("person", "name", re.compile(rf"\b(?i:my name is)\s+(?P<value>{_NAME})")),
    ("person", "name", re.compile(rf"\b(?i:this is|I am|I'm)\s+(?P<value>{_NAME})(?=[,.\s]|$)")),
    ("person", "name", re.compile(
        rf"\b(?i:it's|it is|(?:speaking|talking) (?:with|to)|talk to|ask for|name's)\s+(?P<value>{_FULL_NAME})")),
    ("person", "name", re.compile(rf"\b(?i:{_ROLE}),?\s+(?P<value>{_NAME})\b")),
    ("person", "name", re.compile(r"\b(?:(?:Mr|Mrs|Ms|Dr)\.?|Mister|Miss|Doctor)\s+(?P<value>[A-Z][a-z]+)")),
]  # fmt: skip
_NO_NAMES = {
    "The",
    "A",
    "An",
    "It",
    "That",
    "This",
    "Not",
    "Very",
    "Sorry",
    "Calling",
    "Your",
    "Our",
    "My",
    "I",
    "In",
    "On",
    "At",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Entity:
    """Something named at *offset* of a message; *value* is its canonical form, ISO for dates."""

    type: str
    sub_type: str
    category: str
    text: str
    value: str
    message: Message
    offset: int


def entities(
    messages: Sequence[Message], now: datetime, *, people: Sequence[str] = (), custom: Sequence[tuple[str, str]] = ()
) -> list[Entity]:
    """Everything named, in order; *people* are the members' names, *custom* pairs of type and phrase."""
    found = [
        entity
        for message in messages
        for entity in (*_by_rule(message), *_by_name(message, people), *_dates(message, now), *_custom(message, custom))
    ]
    return sorted(_once(found), key=lambda entity: (entity.message.start, entity.offset, entity.type))


def people_in(messages: Sequence[Message], members: Sequence[str]) -> list[str]:
    """The names of people who are spoken of, or say who they are; *members* are known already."""
    found = (e for m in messages for e in (*_by_rule(m, kinds=("person",)), *_by_name(m, members)))
    return sorted({entity.text for entity in found if entity.type == "person"})


def _by_rule(message: Message, kinds: Collection[str] = ()) -> Iterator[Entity]:
    """By every rule, or those of *kinds* alone."""
    for type_, sub_type, pattern in _RULES:
        if kinds and type_ not in kinds:
            continue
        for match in pattern.finditer(message.text):
            group = "value" if match.groupdict().get("value") else 0
            text = match[group]
            if text.split()[0] not in _NO_NAMES:
                yield Entity(type_, sub_type, "Managed", text, text.lower(), message, match.start(group))


def _by_name(message: Message, people: Sequence[str]) -> Iterator[Entity]:
    for name in people:
        for form in (name, name.split()[0]):
            match = re.search(rf"\b{re.escape(form)}\b", message.text)
            if match and not form.lower().startswith("speaker"):
                yield Entity("person", "name", "Managed", match[0], name.lower(), message, match.start())
                break


def _dates(message: Message, now: datetime) -> Iterator[Entity]:
    for spoken in dates_in(message.text, now):
        if spoken.kind != "now":
            value = spoken.at.isoformat(timespec="minutes") if spoken.timed else spoken.at.date().isoformat()
            kind = "datetime" if spoken.timed else "date"
            yield Entity("datetime", kind, "Managed", spoken.text, value, message, spoken.start)


def _custom(message: Message, custom: Sequence[tuple[str, str]]) -> Iterator[Entity]:
    words = tokens(message.text)
    for type_, text in custom:
        for start, end in Phrase.of(text).places(words):
            yield Entity(type_, type_, "Custom", message.text[start:end], text, message, start)


def _once(found: Sequence[Entity]) -> Iterator[Entity]:
    """Of the same thing named twice in one place, by two rules, the first."""
    seen: set[tuple[str, str, int]] = set()
    for entity in found:
        key = (entity.type, entity.message.id, entity.offset)
        if key not in seen:
            seen.add(key)
            yield entity
