"""Every entry point, in the order of the pipeline. The Functions Framework finds them here by name."""

from functions.recordings import ingest_recording, recordings  # isort: skip
from functions.dispatch import dispatch_jobs  # isort: skip
from functions.submit import submit_job  # isort: skip
from functions.webhook import symbl_webhook  # isort: skip
from functions.collect import collect_results  # isort: skip
from functions.sweep import sweep_jobs  # isort: skip
from functions.dashboard import dashboard  # isort: skip

__all__ = [
    "collect_results",
    "dashboard",
    "dispatch_jobs",
    "ingest_recording",
    "recordings",
    "submit_job",
    "sweep_jobs",
    "symbl_webhook",
]
