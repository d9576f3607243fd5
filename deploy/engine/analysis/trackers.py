"""Trackers: where a vocabulary's phrases are said, in all their inflections and contractions."""

import dataclasses
from collections.abc import Sequence

from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.normal import Phrase, Token, tokens


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """*phrase* of the vocabulary is said in *message*, *offset* characters in."""

    phrase: str
    message: Message
    offset: int
    said: str


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """A message with its words as they are compared, taken apart once for all trackers."""

    message: Message
    words: Sequence[Token]


def lines(messages: Sequence[Message]) -> list[Line]:
    """Prepare *messages* to be searched."""
    return [Line(message, tokens(message.text)) for message in messages]


def hits(vocabulary: Sequence[str], script: Sequence[Line]) -> list[Hit]:
    """Every place where a phrase of the vocabulary is said; one within a longer one that matched is not told again."""
    phrases = sorted((Phrase.of(text) for text in vocabulary), key=lambda phrase: -len(phrase.words))
    found: list[Hit] = []
    for line in script:
        found += _in(line, phrases)
    return found


def _in(line: Line, longest_first: Sequence[Phrase]) -> list[Hit]:
    taken: list[tuple[int, int]] = []
    found: list[Hit] = []
    for phrase in longest_first:
        for start, end in phrase.places(line.words):
            if not any(start < other_end and other_start < end for other_start, other_end in taken):
                taken.append((start, end))
                found.append(Hit(phrase.text, line.message, start, line.message.text[start:end]))
    return sorted(found, key=lambda hit: hit.offset)
