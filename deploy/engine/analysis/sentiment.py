"""Polarity of what is said, -1 to 1, by VADER with a lexicon for calls.

VADER was made for short public posts: there "okay", "please" and "like" are signs of mood. On a telephone they are
manners, while "leaking", "twice" and "cancel" are why somebody calls. Its own words weigh -4 to 4; ours are on the
same scale.
"""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

THRESHOLD = 0.3

_MANNERS = (
    "yes", "yeah", "okay", "ok", "please", "pretty", "like", "well", "sure", "help", "care", "hello", "hi",
    "goodbye", "matter", "interest", "interested", "interesting", "want", "share", "sorry", "fine", "certainly",
    "important", "no", "alone", "security",
)  # fmt: skip
_CALL_WORDS = {
    "annoyed": -2.2, "bounced": -1.5, "broke": -1.4, "broken": -1.8, "cancel": -1.2, "canceling": -1.2,
    "cancelled": -1.2, "charged": -0.6, "complaint": -2.0, "complain": -1.8, "crashed": -1.8, "crashing": -1.8,
    "damaged": -1.8, "declined": -1.2, "defective": -2.2, "delay": -1.3, "delayed": -1.4, "dropping": -1.0,
    "drops": -1.0, "error": -1.3, "escalate": -0.8, "expensive": -1.3, "expired": -0.8, "failed": -1.6,
    "failing": -1.6, "fee": -0.6, "flooded": -1.8, "fraud": -2.6, "frozen": -1.2, "frustrated": -2.4,
    "frustrating": -2.4, "frustration": -2.0, "incorrect": -1.4, "lag": -1.2, "late": -0.9, "leak": -1.6,
    "leaking": -1.8, "lost": -1.4, "mistake": -1.5, "missing": -1.3, "never": -0.6, "nobody": -0.8, "outage": -1.6,
    "overcharged": -2.2, "overdue": -1.2, "refuse": -1.4, "ridiculous": -2.4, "rude": -2.2, "scam": -2.8,
    "slow": -1.2, "stuck": -1.4, "terrible": -2.6, "twice": -0.5, "unacceptable": -2.4, "unhelpful": -2.0,
    "waited": -0.9, "waiting": -0.4, "weak": -1.0, "worse": -2.1, "wrong": -1.8, "works": 0.9, "fixed": 1.2,
    "resolved": 1.6, "solved": 1.6, "refunded": 0.8, "reviews": 0.0, "helpful": 2.0, "wonderful": 2.7,
    "perfect": 2.2, "lower": 0.4, "stopped": 0.4,
}  # fmt: skip


def polarity(text: str) -> float:
    """How *text* sounds, -1 (negative) to 1 (positive), to three decimals."""
    score: float = _analyzer().polarity_scores(text)["compound"]
    return round(score, 3)


def label(score: float) -> str:
    """Symbl's reading of a score: `negative` under -0.3, `positive` over 0.3, `neutral` between."""
    return "negative" if score < -THRESHOLD else "positive" if score > THRESHOLD else "neutral"


@functools.cache
def _analyzer() -> "SentimentIntensityAnalyzer":
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # noqa: PLC0415 - reads 7,500 words

    analyzer = SentimentIntensityAnalyzer()
    for word in _MANNERS:
        analyzer.lexicon.pop(word, None)
    analyzer.lexicon.update(_CALL_WORDS)
    return analyzer
