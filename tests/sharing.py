"""How workers share the tests: by files, so that what a file starts is started once, and the longest first.

pytest-xdist's own groups are of no use here: pytest 9.2 no longer lets it write them into the tests' names, and it then
deals tests out one by one.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

#: They share one fixture, which takes longest of all: the real engine hears six calls.
HEAR_REAL_CALLS = ("tests/contract/engine/test_recognition.py", "tests/e2e/test_real_calls.py")
#: Half a minute and more each; what is begun last should be short.
LONG = (
    "tests/e2e/browser/test_states.py",
    "tests/soak/test_soak.py",
    "tests/integration/pipeline/test_crashes.py",
    "tests/e2e/test_kill.py",
    "tests/integration/pipeline/test_life_cycle.py",
    "tests/integration/pipeline/test_deletion_crashes.py",
)


class ByFiles(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """A file's tests are one piece of work; so are all that hear the real calls."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", maxsplit=1)[0]
        return "real calls" if file in HEAR_REAL_CALLS else file


def place_of(file: str) -> int:
    """Where among the files its tests come; the same for all that have no place of their own."""
    order = (*HEAR_REAL_CALLS, *LONG)
    return order.index(file) if file in order else len(order)
