"""CompanyDefaults and BusinessUX: one entity of each per company, under the company's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.cloud.datastore.query import PropertyFilter

from common.adapters.datastore.kinds import BUSINESS_UX, COMPANY_DEFAULTS
from common.model.company import CompanyDefaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.cloud import datastore

    from common.model.business_ux import BusinessUX


class DatastoreCompanies:
    """CompanyStore."""

    def __init__(self, client: datastore.Client) -> None:
        self._client = client

    def defaults(self, company: str) -> CompanyDefaults:
        """The company's defaults; the general ones where it has none."""
        return defaults_of(self._client.get(COMPANY_DEFAULTS.key(self._client, company)), company)

    def prefixes(self) -> Mapping[str, str]:
        """Company by bucket prefix."""
        query = self._client.query(
            kind=COMPANY_DEFAULTS.name, filters=[PropertyFilter("prefix", ">", "")], order=["prefix"]
        )
        return {entity["prefix"]: entity.key.name for entity in query.fetch()}

    def put_defaults(self, defaults: CompanyDefaults) -> None:
        """Settle them."""
        self._client.put(COMPANY_DEFAULTS.entity(self._client, defaults.company, defaults))

    def business_ux(self, company: str) -> BusinessUX | None:
        """How its pages look; None where nothing was settled."""
        entity = self._client.get(BUSINESS_UX.key(self._client, company))
        return BUSINESS_UX.row_of(entity) if entity else None

    def put_business_ux(self, row: BusinessUX) -> None:
        """Settle it."""
        self._client.put(BUSINESS_UX.entity(self._client, row.company, row))


def defaults_of(entity: datastore.Entity | None, company: str) -> CompanyDefaults:
    """What is stored of a company's defaults; the general ones where nothing is."""
    return COMPANY_DEFAULTS.row_of(entity) if entity else CompanyDefaults.of(company)
