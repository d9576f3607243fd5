"""Trackers: where a vocabulary's phrases are said, in all their inflections and contractions."""

import dataclasses
from collections.abc import Sequence

from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.normal import Phrase, tokens


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """*phrase* of the vocabulary is said in *message*, *offset* characters in."""

    phrase: str
    message: Message
    offset: int
    said: str


def hits(vocabulary: Sequence[str], messages: Sequence[Message]) -> list[Hit]:
    """Every place where a phrase of the vocabulary is said; one within a longer one that matched is not told again."""
    phrases = sorted((Phrase.of(text) for text in vocabulary), key=lambda phrase: -len(phrase.words))
    found: list[Hit] = []
    for message in messages:
        found += _in(message, phrases)
    return found


def _in(message: Message, longest_first: Sequence[Phrase]) -> list[Hit]:
    words = tokens(message.text)
    taken: list[tuple[int, int]] = []
    found: list[Hit] = []
    for phrase in longest_first:
        for start, end in phrase.places(words):
            if not any(start < other_end and other_start < end for other_start, other_end in taken):
                taken.append((start, end))
                found.append(Hit(phrase.text, message, start, message.text[start:end]))
    return sorted(found, key=lambda hit: hit.offset)
