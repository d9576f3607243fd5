"""Questions: what the recogniser wrote a question mark after, and what is built like a question where it did not.

Small recognisers lose many question marks ("may I call you again on Thursday afternoon.") and join sentences by
commas or by nothing ("… by email today what is your address?"), so clauses are looked at, not sentences.
"""

import dataclasses
import re
from collections.abc import Iterator, Sequence

from deploy.engine.analysis.messages import Message

_AUXILIARY = r"(?:do|does|did|is|are|am|was|were|can|could|would|will|shall|should|may|might|have|has|had)(?:n't)?"
_SUBJECT = r"(?:i|you|we|they|he|she|it|there|this|that|these|those|anybody|anyone|anything|somebody|someone)"
_ASKED_OF = rf"(?:{_SUBJECT}|(?:the|my|your|our|his|her|their|an?|any|some|all)\s+\w+)"
_LEAD_IN_WORDS = (
    "and|but|so|or|okay|ok|well|then|now|also|oh|um|uh|alright|all right|great|perfect|excellent|thank you|thanks"
    "|of course|certainly|sure|maybe|yes|no|hi|hello|sorry|excuse me"
)
_LEAD_IN = rf"(?:(?:{_LEAD_IN_WORDS})[\s,]+)*"
_INVERTED = re.compile(
    rf"{_LEAD_IN}(?!may the |have (?:an?|any|some|all) |do (?:that|this|it)\b){_AUXILIARY}\s+{_ASKED_OF}\b",
    re.IGNORECASE,
)
_ASKED_BY_WORD = re.compile(
    rf"{_LEAD_IN}(?:to |at |for |from |in |on |by )?(?:what|when|where|who|whom|whose|why|which|how)"
    rf"(?:'s|\s+{_AUXILIARY}\b|\s+(?:many\s+|much\s+)?\w+(?<!ly)\s+{_AUXILIARY}\b"
    rf"|\s+(?:\w+\s+){{1,4}}?{_AUXILIARY}\s+{_SUBJECT}\b|\s+about\b)",
    re.IGNORECASE,
)
_ELLIPTIC = re.compile(
    r"(?:okay[\s,]+|well[\s,]+|so[\s,]+)*(?:and|but|what)\s+if\b[^,]*$|(?:how|what)\s+about\b", re.IGNORECASE
)
#: After a comma "which is fine" and "who is here" describe, though "which day is best" and "when will it" ask.
_RELATIVE = re.compile(
    rf"(?!(?:which\s+\w+\s+{_AUXILIARY}|(?:who|when|where)\s+{_AUXILIARY}\s+{_SUBJECT})\b)(?:which|who|whose|where|when)\b",
    re.IGNORECASE,
)
_ABOUT = r"(?:if|whether|about|what|when|where|how|why|who|which)\b"
#: Asked in the form of a statement: "I was wondering if …", "I wanted to ask about …".
_INDIRECT = re.compile(
    rf"\b(?:I(?:'m| am| was)|just) (?:wondering|curious) {_ABOUT}"
    r"|\bI(?:'d|'ll| would| will|'m)?(?: just| also| only| really)*"
    r" ?(?:want|wanted|like|need|needed|have|had|calling|called) to"
    rf" (?:know|ask|find out|inquire|see)(?: you| us)?(?: something)? {_ABOUT}",
    re.IGNORECASE,
)
_BARE = re.compile(
    rf"{_LEAD_IN}(?:(?:now |so |then )*(?:what|why|where|when|who|how)"
    r"(?: now| next| else| then| come| so| not| exactly)?"
    r"|since when|such as|like what|what for|how (?:much|many|long|far|often|soon|old)(?: \w+){0,3}?)",
    re.IGNORECASE,
)
#: "So do I", "nor can we": the order of a question, in an answer.
_ECHO = re.compile(rf"(?:and\s+)?(?:so|nor|neither)\s+{_AUXILIARY}\s+{_SUBJECT}", re.IGNORECASE)
#: A polite request in the middle of a run-on; after these words the same order of words is a statement ("so do I").
_RUN_ON = re.compile(
    r"(?<!^)\b(?P<before>\w+)\s+(?:(?:can|could|may|would|will|do|did)\s+(?:i|we|you)"
    r"|(?:can|could|would|will|should)\s+(?:an?|the|my|your|this))\b",
    re.IGNORECASE,
)
_NO_RUN_ON_AFTER = set("so as nor neither than only what how that if when where who which why".split())  # noqa: SIM905
_RUN_ON_WH = re.compile(rf"\b(?:what|when|where|how|why)\s+{_AUXILIARY}\s+{_ASKED_OF}\b", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """Something asked in *message*; *score* is how sure that is."""

    message: Message
    text: str
    score: float


def questions(messages: Sequence[Message]) -> list[Question]:
    """At most one question per sentence, in order."""
    return [
        Question(message, sentence, score)
        for message in messages
        for sentence in sentences_in(message.text)
        if (score := _score(sentence)) > 0
    ]


def sentences_in(text: str) -> Iterator[str]:
    """The sentences of a message; it has more than one where a short one was joined to the next."""
    yield from (
        sentence for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z])(?<!Mr\.\s)(?<!Dr\.\s)(?<!Mrs\.\s)", text) if sentence
    )


def _score(sentence: str) -> float:
    marked = sentence.rstrip().endswith("?")
    built = _is_built_as_question(sentence.rstrip("?.!, "))
    return 0.98 if marked and built else 0.9 if marked else 0.8 if built else 0.0


def _is_built_as_question(sentence: str) -> bool:
    if _ECHO.fullmatch(sentence):
        return False
    for index, clause in enumerate(re.split(r"[,;]\s*", sentence)):
        if _INVERTED.match(clause):
            return True
        if _ASKED_BY_WORD.match(clause) and not (index and _RELATIVE.match(clause)):
            return True
        if _runs_on(clause):
            return True
    return bool(_ELLIPTIC.match(sentence) or _BARE.fullmatch(sentence) or _INDIRECT.search(sentence))


def _runs_on(clause: str) -> bool:
    found = _RUN_ON.search(clause)
    if found and found["before"].lower() not in _NO_RUN_ON_AFTER:
        return True
    later = _RUN_ON_WH.search(clause, 1)
    return later is not None and not re.search(
        r"\b(?:know|see|understand|ask|tell|sure|remember|is|was|about)\s*$", clause[: later.start()], re.IGNORECASE
    )
