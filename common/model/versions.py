"""Which version of a row somebody has read, so that a change made meanwhile is noticed before it is overwritten."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def version_of(answer: Mapping[str, object]) -> str:
    """16 hexadecimal digits that follow from what was shown; another value has another version."""
    text = json.dumps(answer, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
