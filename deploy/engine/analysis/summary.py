"""A summary by extraction: the sentences that say most of what the whole call is about, in their order, word for word.

Symbl's summary was written by a language model; this one only points. A sentence's weight is its cosine similarity
with the whole call in TF-IDF, less what it repeats of those already taken (maximal marginal relevance, Carbonell and
Goldstein 1998).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from deploy.engine.analysis.messages import Message
from deploy.engine.analysis.normal import stem, tokens
from deploy.engine.analysis.topics import STOP_WORDS

MIN_SENTENCES = 3
_MIN_WORDS = 6
_PER_SENTENCES = 6
_MOST = 8
_REPEAT_COST = 0.5
_AGREED_WEIGHT = 0.1
_MANNERS = (
    "thank you for calling", "thanks for your help", "how can i help", "what can i do for you", "have a nice",
    "good morning", "goodbye", "you are welcome", "call is recorded", "call may be recorded", "my name is", "this is ",
)  # fmt: skip
Vector = Mapping[str, float]


def summary(messages: Sequence[Message], *, agreed: Collection[str] = ()) -> list[Message]:
    """The messages that make the summary; none where there are fewer than three sentences worth a thought.

    *agreed* are the ids of messages that hold a task: what was agreed on weighs more.
    """
    candidates = [m for m in messages if len(m.words) >= _MIN_WORDS and not any(p in m.text.lower() for p in _MANNERS)]
    if len(candidates) < MIN_SENTENCES:
        return []
    vectors = _tf_idf(candidates)
    whole = _sum(vectors)
    weights = [
        _cosine(vector, whole) + (_AGREED_WEIGHT if message.id in agreed else 0.0)
        for message, vector in zip(candidates, vectors, strict=True)
    ]
    taken: list[int] = []
    for _ in range(min(_MOST, max(MIN_SENTENCES, len(candidates) // _PER_SENTENCES))):
        rest = [index for index in range(len(candidates)) if index not in taken]
        taken.append(max(rest, key=lambda i: (weights[i] - _REPEAT_COST * _closest(vectors, i, taken), -i)))
    return [candidates[index] for index in sorted(taken)]


def _tf_idf(messages: Sequence[Message]) -> list[Vector]:
    counts = [Counter(stem(t.word) for t in tokens(m.text) if t.word not in STOP_WORDS) for m in messages]
    seen_in = Counter(word for count in counts for word in count)
    return [
        {word: n * math.log(1 + len(counts) / seen_in[word]) for word, n in count.items()} if count else {}
        for count in counts
    ]


def _sum(vectors: Sequence[Vector]) -> Vector:
    total: defaultdict[str, float] = defaultdict(float)
    for vector in vectors:
        for word, weight in vector.items():
            total[word] += weight
    return total


def _cosine(a: Vector, b: Vector) -> float:
    norm = math.hypot(*a.values()) * math.hypot(*b.values())
    return sum(weight * b.get(word, 0.0) for word, weight in a.items()) / norm if norm else 0.0


def _closest(vectors: Sequence[Vector], index: int, taken: Sequence[int]) -> float:
    return max((_cosine(vectors[index], vectors[other]) for other in taken), default=0.0)
