"""Price books as rows: loaded from reviewed YAML with a difference, dated, never changed once a statement was made with them.

Also what a tenant agreed: contracts, credit grants, commitments; and the exchange rates of the days.
`services.terms(tenant, month)` puts together what `billing.pricing.rating.rate` wants to know.
"""
