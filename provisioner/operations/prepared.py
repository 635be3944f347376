"""Prepared statements, from where they are."""

from controlplane.tenants.isolation.prepared import rows

__all__ = ["rows"]
