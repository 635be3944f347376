"""Tells a worker that something lies in the outbox; lost word costs only the time until the next sweep."""

from __future__ import annotations

from controlplane.tenants.calling import Call

delivery = Call("nesoi.deliver", otherwise="the sweep delivers what is due")
