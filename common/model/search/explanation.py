"""How a query is answered and what that costs, for people who ask why it is slow."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.model.search.grammar import as_machines_write

if TYPE_CHECKING:
    from common.model.answers import ExplainedBranch, Explanation
    from common.model.search.plan import Branch, Plan
    from common.model.search.results import Effort


def explained(plan: Plan, effort: Effort) -> Explanation:
    """A sentence, the plan's branches with their tokens (`common.model.search.tokens`), and what was read."""
    return {
        "summary": _summary(plan, effort),
        "exact": plan.exact,
        "decided_by_the_call": [as_machines_write(condition) for condition in plan.undecided],
        "branches": [_branch(branch) for branch in plan.branches],
        "queries": effort.queries,
        "lookups": effort.lookups,
        "counts": effort.counts,
        "keys_read": effort.keys_read,
        "calls_read": effort.calls_read,
        "requests_read": effort.requests_read,
        "calls_set_aside": effort.calls_set_aside,
        "stopped_early": bool(effort.stopped_early),
    }


def _branch(branch: Branch) -> ExplainedBranch:
    return {
        "required": [token.text for token in sorted(branch.walked)],
        "excluded": [[token.text for token in group] for group in sorted(map(sorted, branch.excluded))],
        "since": _moment(branch.time.since),
        "until": _moment(branch.time.until),
    }


def _moment(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _summary(plan: Plan, effort: Effort) -> str:
    if not plan.branches:
        return "No call can be meant: nothing was read."
    sentences = [_how(plan, effort)]
    if plan.undecided:
        asked = " and ".join(as_machines_write(condition) for condition in plan.undecided)
        sentences.append(
            f"No token says all of {asked}: each call that could be meant is opened and asked, "
            f"and {effort.calls_set_aside} of {effort.calls_read} were set aside."
        )
    if effort.stopped_early:
        sentences.append("The page ended early, having read as much as a page may: the next one goes on from there.")
    return " ".join(sentences)


def _how(plan: Plan, effort: Effort) -> str:
    queries, opened = _count(effort.queries, "query"), _count(effort.calls_read, "call")
    if plan.is_one_query:
        tokens = _count(max(len(branch.walked) for branch in plan.branches), "token")
        wanted = f"one of {len(plan.branches)} sets of tokens" if len(plan.branches) > 1 else tokens
        return f"{queries} for calls with {wanted} opened {opened}."
    keys = _count(effort.keys_read, "key")
    return f"What is excluded is left out by keys: {queries} read {keys}, and {opened} that were left were opened."


def _count(count: int, what: str) -> str:
    plural = {"query": "queries"}.get(what, f"{what}s")
    return f"{count:,} {what if count == 1 else plural}"
