"""What is summed up of a piece of time, in the order that everybody writes it in. Pure."""

from __future__ import annotations

UNKNOWN = 0  # the shape of time that nobody saw
GAUGES = (
    "workload_requested_millicores",
    "workload_requested_mib",
    "platform_requested_millicores",
    "platform_requested_mib",
    "workload_used_millicores",
    "workload_used_mib",
    "platform_used_millicores",
    "platform_used_mib",
)
SECONDS = ("observed_seconds", "inferred_seconds", "unknown_seconds", "used_seconds")
INTEGRALS = (*SECONDS, *GAUGES, "egress_bytes")
