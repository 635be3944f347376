"""Who may ask: tenants, their accounts and members, API tokens, and the audit trail of what they did.

Everything that belongs to a tenant is a `TenantOwned` row; the faces reach it only through `.of(tenant)`.
"""
