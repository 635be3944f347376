"""How people sign in: identity providers (OpenID Connect), who their subjects are here, and the sessions that follow.

A provider belongs to one tenant, or to the platform. A person is known by (provider, subject), never by an e-mail alone;
groups become roles at each sign-in. Every session is a row that its owner, or an admin, can end.
"""
