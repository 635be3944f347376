"""The demo's cast and fleet: what `make demo` shows on an empty machine.

People, tenants and tokens are made by the tenants' own services; every runtime is requested over the REST API
with a tenant's token, built by the same engine and driver as any other, and none is written as a row.
"""
