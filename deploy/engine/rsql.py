"""Symbl's filter on conversations: RSQL with at most two comparisons and no OR.

conversation.metadata.agentId==a7;conversation.name=='Call 8812'
"""

import dataclasses
import re

from deploy.engine.errors import BadRequest
from deploy.engine.store import Conversation

MAX_COMPARISONS = 2
_COMPARISON = re.compile(
    r"""\s*conversation\.(?:metadata\.(?P<key>[^=!<>;,\s]+)|(?P<name>name))\s*(?P<operator>==|!=)\s*
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^;,"'\s]+))\s*(?P<joint>;|\band\b|,|\bor\b|$)""",
    re.VERBOSE,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; *key* is a metadata key, or None for the name."""

    key: str | None
    value: str
    equal: bool

    def holds(self, conversation: Conversation) -> bool:
        """Whether *conversation* passes; a key that it does not have equals nothing."""
        actual = conversation.name if self.key is None else conversation.metadata.get(self.key)
        return (actual == self.value) is self.equal


def parse(text: str) -> list[Comparison]:
    """The comparisons of a filter, all of which must hold.

    Raises:
        BadRequest: it is no such filter.
    """
    comparisons: list[Comparison] = []
    position, joint = 0, ";"
    while joint:
        found = _COMPARISON.match(text, position)
        if found is None:
            raise BadRequest(
                f'"filter" cannot be read from "{text[position:]}": write conversation.metadata.KEY==VALUE'
            )
        position, joint = found.end(), found["joint"]
        if joint in {",", "or"}:
            raise BadRequest('"filter" must not contain OR')
        value = next(v for v in (found["double"], found["single"], found["bare"]) if v is not None)
        comparisons.append(Comparison(key=found["key"], value=value, equal=found["operator"] == "=="))
    if len(comparisons) > MAX_COMPARISONS:
        raise BadRequest(f'"filter" must contain at most {MAX_COMPARISONS} parameters')
    return comparisons
