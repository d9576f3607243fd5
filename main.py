"""Every entry point, in the order of the pipeline. The Functions Framework finds them here by name.

A function is deployed with all of this and serves one of them: it imports that one's stage alone.
"""

from __future__ import annotations

import importlib

_STAGES = {
    "ingest_recording": "functions.recordings",
    "recordings": "functions.recordings",
    "dispatch_jobs": "functions.dispatch",
    "submit_job": "functions.submit",
    "symbl_webhook": "functions.webhook",
    "collect_results": "functions.collect",
    "sweep_jobs": "functions.sweep",
    "dashboard": "functions.dashboard",
}
__all__ = list(_STAGES)  # a list of names all the same


def __getattr__(name: str) -> object:
    """The entry point, from its stage."""
    if name not in _STAGES:
        raise AttributeError(f"there is no entry point {name!r}; there is {', '.join(_STAGES)}")
    return getattr(importlib.import_module(_STAGES[name]), name)
