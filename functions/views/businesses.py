"""The Businesses pages: what companies have settled, to be read and changed by people."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import flask

from common import log
from common.bootstrap import services
from common.errors import NotFound, Rejected
from common.model.recording import details_from
from common.model.search.query import Equals, Facet
from common.model.search.spelling import as_people_write
from functions import _audit, _edge
from functions._site import site
from functions.pages.businesses import PARTS, businesses, label_in_look, previewed, shown_look
from functions.pages.company_settings import expect_own_prefix
from functions.pages.look import remarks
from functions.pages.summary import Brand, policy, sample_view

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask.typing import ResponseReturnValue

    from common.model.company import CompanyDefaults
    from functions.pages.businesses import Form, Part

#: Companies that have had calls within this are listed, though they have settled nothing.
_RECENTLY = timedelta(days=30)


class _Overtaken(Exception):  # noqa: N818  # what happened
    """Somebody else has settled something since the form was read."""

    def __init__(self, stored: Any) -> None:  # noqa: ANN401  # the part's row
        super().__init__()
        self.stored = stored


def _list(_: flask.Request) -> ResponseReturnValue:
    return _list_page()


def _list_page(*, name: str = "", problem: str = "") -> flask.Response:
    s = services()
    today = s.clock().date()
    known = s.statistics.companies(today - _RECENTLY, today + timedelta(days=1))
    return site().page(
        "businesses.html", businesses=businesses(s.companies.settled(), known), name=name, problem=problem
    )


def _add(request: flask.Request) -> ResponseReturnValue:
    """A company that is known already just has its page opened."""
    _edge.expect_same_origin(request)
    name = request.form.get("company", "")
    try:
        company = _company(name)
    except Rejected as error:
        page = _list_page(name=name, problem="; ".join(problem.detail for problem in error.problems))
        page.status_code = error.status
        return page
    services().companies.change_defaults(company, lambda stored: stored)
    _audit.about(company=company)
    log.event("company_added", company=company, by=_edge.caller().name)
    return flask.redirect(site().link(f"/settings/companies/{company}", saved="company"), 303)


def _company(name: str) -> str:
    """The name as a recording would have it.

    Raises:
        Rejected: no recording can.
    """
    return details_from({"company": name}).company or ""


def _business(request: flask.Request, company: str) -> ResponseReturnValue:
    _expect_possible(company)
    return _page(company, saved=request.args.get("saved"))


def _settle(request: flask.Request, company: str) -> ResponseReturnValue:
    """One of the three forms; validated as the API's PUT is, and refused where somebody was quicker."""
    _edge.expect_same_origin(request)
    _expect_possible(company)
    part = PARTS.get(request.form.get("part", ""))
    if part is None:
        raise Rejected("the form has no part that is known; reload the page and send it again")
    texts = {name: value.replace("\r\n", "\n") for name, value in request.form.items()}
    try:
        _store(company, part, texts)
    except Rejected as error:
        return _page(company, form=part.rejected(texts, error.problems), status=error.status)
    except _Overtaken as overtaken:
        return _page(company, form=part.overtaken(texts, overtaken.stored), status=412)
    log.event("company_settled", company=company, part=part.name, by=_edge.caller().name)
    return flask.redirect(f"{site().link(f'/settings/companies/{company}', saved=part.name)}#form-{part.name}", 303)


def _expect_possible(company: str) -> None:
    try:
        possible = _company(company) == company
    except Rejected:
        possible = False
    if not possible:
        raise NotFound(f"No company can be called so; {site().link('/settings/companies')} lists them.")


def _store(company: str, part: Part, texts: Mapping[str, str]) -> None:
    companies = services().companies

    def changed(stored: Any) -> Any:  # noqa: ANN401  # the part's row
        if texts.get("version") != part.version(stored):
            raise _Overtaken(stored)
        return part.settled(company, stored, texts)

    if part.name == "look":
        companies.change_business_ux(company, changed)
        return
    prefixes = companies.prefixes()

    def with_own_prefix(stored: CompanyDefaults) -> CompanyDefaults:
        row: CompanyDefaults = changed(stored)
        if row.prefix:
            expect_own_prefix(row, prefixes)
        return row

    companies.change_defaults(company, with_own_prefix)


def _page(company: str, *, form: Form | None = None, saved: str | None = None, status: int = 200) -> flask.Response:
    """All three forms, one of them perhaps as it was sent."""
    companies = services().companies
    ux, defaults = companies.business_ux(company), companies.defaults(company)
    forms = [PARTS[name].form(ux if name == "look" else defaults) for name in PARTS]
    page = site().page(
        "business.html",
        policy={"frame-src": "'self'"},
        company=company,
        title=(ux.display_name if ux else None) or company,
        forms=[form if form and form.part == stored.part else stored for stored in forms],
        sent=form,
        its_calls=as_people_write(Equals(Facet.COMPANY, company)),
        previewed=previewed(forms[0] if form is None or form.part != "look" else form),
        saved=saved,
        told=_SAVED.get(saved or ""),
    )
    page.status_code = status
    return page


_SAVED: Mapping[str, str] = {
    "company": "Added. What is settled here holds for recordings that come in from now on.",
    "look": "Saved. Summary pages look like this from now on, those of older links too.",
    "defaults": "Saved. It holds for recordings that are added from now on.",
    "trackers": "Saved. It holds for recordings that are submitted from now on.",
}


def _preview(request: flask.Request) -> ResponseReturnValue:
    """An invented call's summary page in the look that a form has at present; nothing is read or stored."""
    texts = request.form if request.method == "POST" else request.args
    row, problems = shown_look(texts)
    brand = Brand.of(texts.get("company", "")[:200] or "Company", row)
    return site().page(
        "summary.html",
        policy=policy(brand, ["'self'"]),
        brand=brand,
        summary=sample_view(),
        notes=[
            *(f"Left out: {label_in_look(problem.field)} {problem.detail}" for problem in problems),
            *remarks(brand.look),
        ],
    )


VIEWS: Mapping[str, Callable[..., ResponseReturnValue]] = {
    "businesses": _list,
    "add_business": _add,
    "business": _business,
    "settle_business": _settle,
    "preview": _preview,
}
