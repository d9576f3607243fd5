"""Benchmarks of the whole pipeline run in the installation of the integration tests."""

from __future__ import annotations

from tests.integration.pipeline.conftest import (
    apps,
    clock,
    installation,
    jwks_url,
    storage_and_url,
    tasks_and_address,
    webhooks,
)

__all__ = [
    "apps",
    "clock",
    "installation",
    "jwks_url",
    "storage_and_url",
    "tasks_and_address",
    "webhooks",
]
