"""The shapes that questions have: some for each row of the query language, and those that are hard to answer."""

from __future__ import annotations

import dataclasses

from tests.benchmarks.archive.calls import rare_word


@dataclasses.dataclass(frozen=True)
class Shape:
    """A question, as people write it."""

    row: str  #: of the language
    filter: str
    order_by: str = "started_at desc"


SHAPES = (
    Shape("list", ""),
    Shape("words", "refund account"),
    Shape("words, rare and frequent", f"{rare_word()} with"),
    Shape("phrase", '"late fee"'),
    Shape("beginning", "cancel*"),
    Shape("beginning, rare beside a frequent one", "confid*"),
    Shape("people", 'company:"Brightline Mobile" agent:brooks'),
    Shape("topic and tracker", 'topic:"late fee" tracker:Escalation'),
    Shape("tracker that is absent", '-tracker:"Recording Disclosure" is:completed'),
    Shape("place in the call", 'by:agent tracker:"Recording Disclosure"<60s'),
    Shape("place, not in time", 'by:agent tracker:"Recording Disclosure" -tracker:"Recording Disclosure"<60s'),
    Shape("sentiment", "sentiment<-0.3"),
    Shape("figures", "length>10m silence>20%"),
    Shape("days and hours", "after:2025-06-01 before:2026-07-01 hour:9..17"),
    Shape("state", "is:failed"),
    Shape("has, has not", "has:action-item missing:tracker"),
    Shape("speaker and phrase", 'by:customer "cancel my plan"'),
    Shape("alternatives", "(refund OR credit) supervisor"),
    Shape("order: the longest", 'company:"Lakeside Dental"', "duration desc"),
    Shape("order: the unhappiest", "tracker:Escalation", "sentiment"),
)

#: What tokens tell badly. A page of these, too, reads no more than five times what was asked for.
HARD = (
    Shape("words that seldom meet", "toner crown"),
    Shape("phrase of words that seldom meet", '"plan toner"'),
    Shape("phrase of the most frequent words", '"to the"'),
    Shape("phrase that a speaker seldom says", 'by:customer "quality and training"'),
    Shape("absence of a frequent word", "-quality"),
    Shape("absence of a word that all have", "-with"),
    Shape("beginning, by a speaker", "by:customer superv*"),
    Shape("figure between two steps", "length:700s..705s"),
    Shape("place between two seconds", "tracker:Pricing>=61s<63s"),
    Shape("status under way", "status:in_progress"),
    Shape("all at once", '(refund OR credit OR "late fee") -crown (cancel* OR "per month") sentiment<0.05 length>65s'),
)
