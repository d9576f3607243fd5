"""Who may do what: roles, each with all that the one before it has, and the companies that somebody may see. Pure."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from common.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Collection

    from common.model.search.query import Node


class Role(enum.StrEnum):
    """What somebody is here for. The order is that of rank: who may do more, may do all that the others may."""

    VIEWER = "viewer"  #: reads and listens
    REVIEWER = "reviewer"  #: shows calls to people outside
    OPERATOR = "operator"  #: keeps it flowing: adds, runs again, looks into the works
    ADMIN = "admin"  #: settles companies, deletes, sees who did what

    def covers(self, least: Role) -> bool:
        """Whether whoever has this role may do what needs `least`."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(least)


class Reach(enum.StrEnum):
    """What an address leads to, and so how somebody who may see some companies only is held to them."""

    NOTHING = "nothing"  #: of no company: help, files
    RECORDING = "recording"  #: the one that the address names
    COMPANY = "company"  #: the one that the address names
    CALLS = "calls"  #: what a query finds: it is narrowed
    ADDED = "added"  #: what the sender says of a recording: its company has to be one of theirs
    ALL = "all"  #: of all companies at once: only for who may see them all


@dataclasses.dataclass(frozen=True, kw_only=True)
class Caller:
    """Who makes a call: `name` is what history and audit trail say; `companies` None means all of them."""

    name: str
    role: Role
    companies: frozenset[str] | None = None
    by_session: bool = False  #: signed in with a browser, and so may sign out

    def sees(self, company: str | None) -> bool:
        """Whether what belongs to `company` is theirs to see."""
        return self.companies is None or company in self.companies

    def narrowed(self, asked: Node) -> Node:
        """The query, of calls that are theirs to see.

        Raises:
            RoleNeeded: none are.
        """
        if self.companies is None:
            return asked
        if not self.companies:
            raise RoleNeeded(f"{self.name} may see no company. Ask an administrator of this installation for one.")
        from common.model.search.query import (  # noqa: PLC0415  # settings are read by functions that search nothing
            Equals,
            Facet,
            conjunction,
            disjunction,
        )

        return conjunction((asked, disjunction(Equals(Facet.COMPANY, company) for company in sorted(self.companies))))

    def expect(self, least: Role) -> None:
        """That they have the role.

        Raises:
            RoleNeeded: naming it.
        """
        if not self.role.covers(least):
            raise RoleNeeded(
                f"This needs the role {least}, and {self.name} has {self.role}. Ask an administrator of this "
                "installation for it."
            )

    def expect_all_companies(self) -> None:
        """That they see all companies.

        Raises:
            RoleNeeded: they do not.
        """
        if self.companies is not None:
            raise RoleNeeded(
                f"This shows or changes what belongs to all companies, and {self.name} may see only "
                f"{', '.join(sorted(self.companies))}."
            )


class RoleNeeded(Forbidden):
    """The caller is known, and is not here for this."""

    reason = "ROLE_NEEDED"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Grant:
    """What somebody was given: `who` is an e-mail address, @ and a domain, or * for whoever gets this far."""

    who: str
    role: Role
    companies: frozenset[str] | None = None


def granted(email: str, grants: Collection[Grant]) -> Caller | None:
    """What `email` may do, by the most particular of the grants: their own, else their domain's, else everybody's.

    None where there is none: then nothing.
    """
    known = {grant.who: grant for grant in grants}
    for who in (email.lower(), f"@{email.lower().rpartition('@')[2]}", "*"):
        if who in known:
            return Caller(name=email.lower(), role=known[who].role, companies=known[who].companies)
    return None
