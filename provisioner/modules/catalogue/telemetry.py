"""Telemetry: collects logs, traces and metrics and ships them to a backend of the tenant's choice.

Tenants' workloads send OTLP to the Service `telemetry`; which implementation takes it is the release's choice.
"""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import MODULE, daemon_set, definition, deployment, door, resource, service
from provisioner.runtimes.inside import Json

KIND = CustomKind("Telemetry", "telemetries", namespaced=False)
PIPELINES = CustomKind("TelemetryPipeline", "telemetrypipelines")
GATEWAY = {MODULE: "telemetry", "nesoi.dev/role": "gateway"}
OTLP = 4317
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "signals": {
            "type": "array",
            "title": "Signals",
            "description": "What is collected.",
            "items": {"type": "string", "enum": ["logs", "traces", "metrics"]},
            "uniqueItems": True,
            "minItems": 1,
            "default": ["logs", "traces", "metrics"],
            "x-order": 1,
        },
        "endpoint": {
            "type": "string",
            "title": "Backend",
            "description": "Where it is shipped to, as an OTLP address; without one it is kept for a short while only.",
            "pattern": r"^https://[^\s]+$",
            "x-pattern-text": "an https:// address",
            "maxLength": 500,
            "x-order": 2,
        },
        "samplingPercent": {
            "type": "integer",
            "title": "Traces kept",
            "minimum": 0,
            "maximum": 100,
            "default": 10,
            "x-unit": "percent",
            "x-order": 3,
        },
    },
}


def _promised(asked: Request) -> list[Json]:
    """Return what tenants hold on to: the same objects whatever stands behind them."""
    return [
        definition(KIND, SCHEMA),
        definition(PIPELINES),
        resource(KIND, asked.settings),
        service(asked, name="telemetry", port=OTLP, selector=GATEWAY),
        door("telemetry", port=OTLP, to=GATEWAY),
    ]


def _otel(asked: Request) -> list[Json]:
    return [
        *_promised(asked),
        deployment(asked, name="telemetry-otel-gateway", cpu=50, memory=128, extra=GATEWAY),
        daemon_set(asked, name="telemetry-otel-agent", cpu=25, memory=64),
    ]


def _vector(asked: Request) -> list[Json]:
    return [
        *_promised(asked),
        deployment(asked, name="telemetry-vector", cpu=75, memory=96, extra=GATEWAY),
        daemon_set(asked, name="telemetry-vector-agent", cpu=20, memory=48),
    ]


module = Module(
    key="telemetry",
    owner="observability",
    implementations={
        "otel": Implementation("OpenTelemetry Collector", _otel),
        "vector": Implementation("Vector", _vector),
    },
    schema=SCHEMA,
    footprint=Footprint(75, 128, per_node_cpu_millicores=25, per_node_memory_mib=64, replicas=1),
    interface=KIND,
    data=(PIPELINES,),
    promise=_promised,
)
