"""The JSON Schema of the parameters about access, networks, modules and upkeep, one function each."""

from __future__ import annotations

from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.properties import (
    ANY_CIDR_PATTERN,
    CIDR_PATTERN,
    CLOCK_PATTERN,
    DAYS,
    Schema,
    ordered,
    word,
)


def administrators(_: PlanFacts) -> Schema:
    """Users who are cluster-admin in the runtime."""
    return {
        "type": "array",
        "title": "Administrators",
        "description": "Users who administer the runtime, by the names that their identity provider gives them.",
        "items": word(
            "User",
            "As in the username claim, with the issuer's username prefix if it has one.",
            maxLength=254,
            minLength=1,
        ),
        "maxItems": 100,
        "uniqueItems": True,
        "default": [],
    }


def network(title: str, description: str, default: str) -> Schema:
    """One private IPv4 range."""
    return {
        "type": "string",
        "title": title,
        "description": description,
        "pattern": CIDR_PATTERN,
        "default": default,
        "x-pattern-text": "an IPv4 range in CIDR notation, for example 10.250.0.0/16",
        "x-codes": {"pattern": "cidr_invalid"},
    }


def networking(plan: PlanFacts) -> Schema:
    """Address ranges of the runtime."""
    own = plan.networking
    reserved = ", ".join(entry.cidr for entry in own.reserved)
    return {
        "type": "object",
        "title": "Networks",
        "description": (
            f"Private ranges that overlap neither one another nor {reserved}. They can't be changed later."
        ),
        "additionalProperties": False,
        "properties": ordered(
            {
                "nodes": network("Nodes", "At least a /23, split over the zones.", own.nodes),
                "pods": network("Pods", "Every node takes a /24 of it.", own.pods),
                "services": network("Services", "At least a /24.", own.services),
            }
        ),
        "default": {"nodes": own.nodes, "pods": own.pods, "services": own.services},
        "x-immutable": True,
    }


# Said wherever modules are chosen.
MODULES_TEXT = "What is chosen is installed, kept as it was set, and upgraded with the runtime."


def chosen_module(plan: PlanFacts) -> Schema:
    """One entry of a tenant's own list of modules."""
    titles = {module.key: module.name for module in plan.modules}
    name = {"type": "string", "title": "Module", "enum": list(titles), "x-enum-titles": titles}
    channel_of_module = {
        "type": "string",
        "title": "Channel",
        "description": "Without one, the module follows the runtime's channel.",
        "enum": list(plan.channels),
    }
    policy = {
        "type": "string",
        "title": "Default resource",
        "description": "Whether the module's default custom resource is created and removed with it.",
        "enum": ["CreateAndDelete", "Ignore"],
        "default": "CreateAndDelete",
    }
    return {
        "type": "object",
        "title": "Module",
        "required": ["name"],
        "additionalProperties": False,
        "properties": ordered(
            {
                "name": name | {"x-codes": {"enum": "module_unknown"}},
                "channel": channel_of_module,
                "customResourcePolicy": policy,
            }
        ),
    }


def modules(plan: PlanFacts) -> Schema:
    """Which modules the tenant wishes: the plan's own set, none, or a list."""
    own = ", ".join(plan.default_modules) or "none"
    default = {"type": "boolean", "title": "Choose the plan's own set", "default": True}
    listed = {"type": "array", "title": "Modules", "maxItems": 50, "items": chosen_module(plan)}
    return {
        "type": "object",
        "title": "Modules",
        "description": f"{MODULES_TEXT} The plan's own set: {own}.",
        "default": {"default": True},
        "oneOf": [
            {
                "type": "object",
                "title": "The plan's own set",
                "required": ["default"],
                "additionalProperties": False,
                "properties": {"default": default},
            },
            {
                "type": "object",
                "title": "My own choice",
                "required": ["list"],
                "additionalProperties": False,
                "properties": {"list": listed},
            },
        ],
        "x-codes": {"oneOf": "modules_default_and_list"},
    }


def ingress_filtering(plan: PlanFacts) -> Schema:
    """Whether traffic from the networks on the landscape's block list is dropped."""
    # gardener-extension-shoot-networking-filter, docs/usage/shoot-networking-filter.md: a classic load balancer hides them.
    aws = (
        " Only a network load balancer shows where traffic comes from: annotate your services with "
        "service.beta.kubernetes.io/aws-load-balancer-type: nlb."
    )
    return {
        "type": "boolean",
        "title": "Ingress filtering",
        "description": "Drops incoming traffic from the networks on the provider's block list."
        + (aws if plan.provider == "aws" else ""),
        "default": False,
    }


def access_control_list(_: PlanFacts) -> Schema:
    """Who may reach the runtime's API server."""
    return {
        "type": "object",
        "title": "Access to the API server",
        "description": "Who may reach the runtime's API server. Without a range, everyone may connect.",
        "required": ["allowedCIDRs"],
        "additionalProperties": False,
        "properties": {
            "allowedCIDRs": {
                "type": "array",
                "title": "Allowed ranges",
                "maxItems": 50,
                "uniqueItems": True,
                "default": [],
                "x-empty": "Everyone may connect",
                "items": {
                    "type": "string",
                    "title": "Range",
                    "pattern": ANY_CIDR_PATTERN,
                    "x-pattern-text": "an address range in CIDR notation, for example 203.0.113.0/24",
                    "x-codes": {"pattern": "cidr_invalid"},
                },
            }
        },
    }


def channel(plan: PlanFacts) -> Schema:
    """Which releases the runtime follows."""
    return {
        "type": "string",
        "title": "Release channel",
        "description": "Which releases the runtime follows: `regular` is proven, `fast` is early.",
        "enum": list(plan.channels),
        "default": plan.channel,
    }


def maintenance_window(_: PlanFacts) -> Schema:
    """When upgrades may disturb the runtime."""
    clock = {
        "type": "string",
        "pattern": CLOCK_PATTERN,
        "x-pattern-text": "a time of day as HH:MM, for example 22:00",
    }
    return {
        "type": "object",
        "title": "Maintenance window",
        "description": "When upgrades may disturb the runtime: 30 minutes to 6 hours, may pass midnight. "
        "Left empty, it is 22:00 to 23:00 UTC.",
        "x-removable": True,
        "required": ["begin", "end"],
        "additionalProperties": False,
        "properties": {
            "begin": clock | {"title": "Begin", "x-order": 1},
            "end": clock | {"title": "End", "x-order": 2},
            "days": {
                "type": "array",
                "title": "Days on which it begins",
                "items": {"type": "string", "enum": list(DAYS)},
                "minItems": 1,
                "uniqueItems": True,
                "default": list(DAYS),
                "x-order": 3,
            },
            "timezone": word("Time zone", "An IANA name, for example Europe/Berlin.", default="UTC")
            | {"x-order": 4},
        },
    }
