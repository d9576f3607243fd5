"""Print the description: `python -m functions.api > docs/openapi.json` (or `make openapi`)."""

from __future__ import annotations

import json
import sys

from functions.api.openapi import document

#: Where the local stack is.
SERVER = "http://127.0.0.1:8080"


def text() -> str:
    """The description as the repository has it."""
    return json.dumps(document(SERVER), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
