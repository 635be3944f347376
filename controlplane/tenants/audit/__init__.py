"""The audit trail: who did what to what, and who was refused; rows are added, never changed.

`record` leaves a row in the caller's transaction; `denials` notes what was refused; `sealing` chains what was written, after the
fact, so that `verifying` finds a changed, removed or inserted row; `reading` and `exporting` show it to whoever may see it.
"""

from controlplane.tenants.audit.writing import record

__all__ = ["record"]
