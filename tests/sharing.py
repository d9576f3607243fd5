"""How workers share the tests: by files, so that what a file starts is started once, and the longest first.

pytest-xdist's own groups are of no use here: pytest 9.2 no longer lets it write them into the tests' names, and it then
deals tests out one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Files that share what takes longest to start: six calls that the real engine hears, a local stack, Google's emulator.
TOGETHER: Mapping[str, tuple[str, ...]] = {
    "the real calls": ("tests/contract/engine/test_recognition.py", "tests/e2e/test_real_calls.py"),
    "a local stack": ("tests/e2e/test_doctor.py", "tests/integration/test_cli.py"),
    "Google's emulator": (
        "tests/contract/datastore/",
        "tests/contract/stores/",
        "tests/integration/pipeline/test_races.py",
    ),
}
#: Half a minute and more each; what is begun last should be short.
LONG = (
    "the real calls",
    "tests/e2e/browser/test_states.py",
    "tests/soak/test_soak.py",
    "tests/integration/pipeline/test_crashes.py",
    "tests/e2e/test_kill.py",
    "Google's emulator",
    "tests/integration/pipeline/test_life_cycle.py",
    "tests/integration/pipeline/test_deletion_crashes.py",
    "tests/integration/dashboard/test_roles.py",
    "tests/integration/search/test_answers.py",
)


class ByFiles(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """A file's tests are one piece of work; so are those of files that belong together."""

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)


def share_of(nodeid: str) -> str:
    """The piece of work that a test is part of."""
    for share, places in TOGETHER.items():
        if nodeid.startswith(places):
            return share
    return nodeid.split("::", maxsplit=1)[0]


def place_of(nodeid: str) -> int:
    """Where among all pieces of work this test's comes; the same for all that have no place of their own."""
    share = share_of(nodeid)
    return LONG.index(share) if share in LONG else len(LONG)
