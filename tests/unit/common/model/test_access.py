"""Roles, companies and grants: more is a matter of rank, and nothing is what nobody has said."""

from __future__ import annotations

import itertools

import pytest

from common.model.access import Caller, Grant, Role, RoleNeeded, granted
from common.model.search.grammar import as_machines_write
from common.model.search.query import Equals, Facet

NOTHING_ASKED = Equals(Facet.IS, "completed")


def test_each_role_may_do_all_that_those_before_it_may() -> None:
    """And nothing that is for those after it."""
    for (rank, role), (least_rank, least) in itertools.product(enumerate(Role), repeat=2):
        caller = Caller(name="kim", role=role)
        if rank >= least_rank:
            caller.expect(least)
            continue
        with pytest.raises(RoleNeeded, match=f"the role {least}, and kim has {role}"):
            caller.expect(least)


def test_who_has_companies_sees_these_alone() -> None:
    """Also where nobody says whose something is; a query is narrowed to them."""
    everybody = Caller(name="a", role=Role.VIEWER)
    ours = Caller(name="b", role=Role.ADMIN, companies=frozenset({"A", "B"}))
    assert everybody.sees("A")
    assert everybody.sees(None)
    assert everybody.narrowed(NOTHING_ASKED) == NOTHING_ASKED
    everybody.expect_all_companies()
    assert (ours.sees("A"), ours.sees("C"), ours.sees(None)) == (True, False, False)
    assert as_machines_write(ours.narrowed(NOTHING_ASKED)).endswith('(company:"A" OR company:"B")')
    with pytest.raises(RoleNeeded, match="only A, B"):
        ours.expect_all_companies()


def test_who_may_see_no_company_finds_nothing() -> None:
    """An empty list is not a missing one."""
    nobody = Caller(name="c", role=Role.VIEWER, companies=frozenset())
    assert not nobody.sees("A")
    with pytest.raises(RoleNeeded):
        nobody.narrowed(NOTHING_ASKED)


def test_the_most_particular_grant_holds() -> None:
    """An address before its domain, before everybody; without any, nothing."""
    grants = [
        Grant(who="*", role=Role.VIEWER, companies=frozenset({"A"})),
        Grant(who="@acme.example", role=Role.REVIEWER),
        Grant(who="ana@acme.example", role=Role.ADMIN),
    ]
    found = {who: granted(who, grants) for who in ("Ana@acme.example", "ben@acme.example", "x@evil-acme.example")}
    assert {who: (caller.role, caller.name) for who, caller in found.items() if caller} == {
        "Ana@acme.example": (Role.ADMIN, "ana@acme.example"),
        "ben@acme.example": (Role.REVIEWER, "ben@acme.example"),
        "x@evil-acme.example": (Role.VIEWER, "x@evil-acme.example"),
    }
    assert granted("x@evil-acme.example", grants[1:]) is None
    assert granted("ana@acme.example", []) is None
