"""Row-level security: PostgreSQL refuses what slipped past a queryset.

Web requests run as the role `nesoi_web`, which sees the rows of one tenant: the one that `scopes` tells each transaction.
`nesoi_platform` (its team's requests) and `nesoi_worker` (workers, beat, observer) see all tenants; none of the three bypasses
the policies. Tables are protected by the migration operations of `policies`.
A page of a hundred runtimes takes 3 % longer for it (`make bench ONLY=isolation_cost`, two busy cores; the goal is 10 %).
"""
