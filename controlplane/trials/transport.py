"""Tells a worker that a trial has something due; lost word costs only the time until the next tick."""

from __future__ import annotations

from controlplane.tenants.calling import Call

tick = Call("nesoi.trials", otherwise="the next tick does what is due")
