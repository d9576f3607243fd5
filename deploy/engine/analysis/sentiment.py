"""Polarity of what is said, -1 to 1, by VADER with a lexicon for calls.

VADER was made for short public posts: there "okay", "please" and "like" are signs of mood. On a telephone they are
manners, while "leaking", "twice" and "cancel" are why somebody calls. Its own words weigh -4 to 4; ours are on the
same scale.
"""

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

THRESHOLD = 0.3

_MANNERS = (
    "yes", "yeah", "okay", "ok", "please", "pretty", "like", "well", "sure", "help", "care", "hello", "hi",
    "goodbye", "matter", "interest", "interested", "interesting", "want", "share", "sorry", "fine", "certainly",
    "important", "no", "alone", "security", "thanks", "thank", "alright", "honestly", "credit", "joke", "surprised",
    "surprise", "definitely", "hope", "hoping", "trust", "easy", "clear", "number", "kind", "free", "welcome",
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
    "resolved": 1.6, "solved": 1.6, "refunded": 0.8, "reviews": 0.0, "helpful": 2.0, "wonderful": 2.7, "perfect": 2.2,
    "lower": 0.4, "stopped": 0.4, "sneaky": -1.8, "garbage": -2.0, "sloppy": -1.9, "wasted": -1.9, "waste": -1.9,
    "disgusted": -2.6, "incompetent": -2.6, "misled": -2.2, "lied": -2.4, "missed": -1.3, "froze": -1.2, "hurt": -0.9,
    "freezing": -1.0, "freeze": 0.0, "draining": 0.0, "claim": 0.0, "accident": -0.6, "emergency": -0.6,
}  # fmt: skip
#: What several words mean together, on the lexicon's scale; 0 for what is said out of manners or is a mere name.
_PHRASES = {
    "no problem": 0.0, "no problems": 0.6, "not a problem": 0.0, "no worries": 0.0, "no trouble": 0.0, "no rush": 0.0,
    "too much trouble": 0.0, "no thanks": 0.0, "don't worry": 0.0, "good morning": 0.0, "good afternoon": 0.0,
    "good evening": 0.0, "good day": 0.0, "nice day": 0.0, "great day": 0.0, "good one": 0.0, "nice weekend": 0.0,
    "good weekend": 0.0, "great weekend": 0.0, "take care": 0.0, "feel free": 0.0, "best number": 0.0,
    "best time": 0.0, "best phone": 0.0, "best day": 0.0, "best way": 0.0, "best email": 0.0, "good time": 0.0,
    "good number": 0.0, "better for": 0.0, "had better": -0.6, "better not": -1.2, "sounds good": 0.4,
    "sounds great": 0.8, "sounds fine": 0.0, "that's good": 0.4, "works for me": 0.3, "that works": 0.3,
    "gift card": 0.0, "error message": -0.4, "late fee": -0.9, "fraud department": 0.0, "super quick": 0.4,
    "bear with": 0.0, "no longer": -0.3, "natural gas": 0.0, "fair enough": 0.3, "not bad": 0.8,
    "thank you so much": 1.4, "thanks so much": 1.4, "thank you very much": 1.0, "thanks for your help": 1.4,
    "thank you for your help": 1.4, "thanks for all": 1.4, "looking forward": 1.3, "look forward": 1.3,
    "can't wait": 1.6, "so kind": 2.0, "really kind": 2.0, "very kind": 2.0, "makes sense": 0.4, "fed up": -2.5,
    "sick of": -2.3, "tired of": -2.0, "makes no sense": -1.9, "no sense": -1.6, "had enough": -2.2,
    "ripped off": -2.7, "rip off": -2.7, "cut me off": -1.4, "hung up on": -1.8, "done with you": -2.2,
    "give up": -1.4, "a joke": -2.0, "nothing happened": -1.6, "no idea": -0.6, "day off": -0.4, "days off": -0.6,
    "third time": -1.5, "fourth time": -1.9, "fifth time": -2.0, "so many times": -1.6, "how many times": -1.8,
    "heard nothing": -1.6, "got nothing": -1.8, "nobody told": -1.7, "no one told": -1.7, "wasn't told": -1.4,
    "was not told": -1.4, "never told": -1.6, "what choice": -1.4, "least you can do": -1.5, "make up a": -1.3,
    "still waiting": -1.5, "still not": -1.2, "still don't": -1.1, "still haven't": -1.4, "still unhappy": -2.2,
    "keeps on": -0.8, "not acceptable": -2.2, "not right": -1.4, "out of line": -1.8, "let down": -2.0,
    "let me down": -2.0, "piece of": -0.6, "don't care": -1.3, "do not care": -1.3, "not interested": -0.6,
    "money back": -0.9, "speak to a supervisor": -1.2, "talk to a manager": -1.2, "speak to a manager": -1.2,
    "file a complaint": -2.2, "nobody ever": -1.6, "no one ever": -1.6, "nobody called": -1.6, "unless you": -0.4,
    "kidding me": -2.0, "too much": -0.8, "too long": -1.0, "too expensive": -1.5, "at all": 0.0, "good news": 1.4,
    "great news": 2.4, "not too bad": 0.8, "i wish": -0.3, "well done": 1.8, "life insurance": 0.0,
    "bad timing": -0.8,
}  # fmt: skip
_TOGETHER = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, _PHRASES), key=len, reverse=True))})\b", re.IGNORECASE)
#: "Great." and "Perfect," as an answer say that somebody has understood.
_HEARD = re.compile(
    r"(^|[.!?]\s+)(?:great|perfect|excellent|wonderful|good|lovely|super|cool|nice|awesome)(?=[.,!](?:\s|$))",
    re.IGNORECASE,
)
_HEARD_WEIGHT = 0.7
#: Within a sentence a capital begins a name: neither Grace nor Hope is a mood.
_NAME = re.compile(r"(?<=[^.!?\s])\s+[A-Z][a-z]+(?:\s+[A-Z][a-z]+)*")


def polarity(text: str) -> float:
    """How *text* sounds, -1 (negative) to 1 (positive), to three decimals."""
    plain = _NAME.sub(" N", text.replace("\u2019", "'"))
    plain = _TOGETHER.sub(lambda found: _as_one(found[0]), _HEARD.sub(r"\1is_heard", plain))
    score: float = _analyzer().polarity_scores(plain)["compound"]
    return round(score, 3)


def _as_one(phrase: str) -> str:
    return phrase.lower().replace(" ", "_").replace("'", "")


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
    analyzer.lexicon.update({_as_one(phrase): weight for phrase, weight in _PHRASES.items() if weight})
    analyzer.lexicon["is_heard"] = _HEARD_WEIGHT
    return analyzer
