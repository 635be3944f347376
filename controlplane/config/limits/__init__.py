"""Rate limits of every face: who asks too often is told when to come again.

A request is counted for its address, its token or session, and its tenant, all at once; signing in, trials and minting of
credentials are counted more strictly besides. `buckets` is the rule, `policies` what is counted, `counting` where (Valkey,
one round trip), `middleware` when, `answers` what is said.
"""
