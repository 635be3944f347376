"""Meter groups: what a provider's products and our meters have in common, so that they can be set side by side. Pure."""

from __future__ import annotations

import re

COMPUTE, STORAGE, NETWORK, CONTROL_PLANE, MODULES, OTHER = (
    "compute", "storage", "network", "control_plane", "modules", "other",
)  # fmt: skip
GROUPS = (COMPUTE, STORAGE, NETWORK, CONTROL_PLANE, MODULES, OTHER)
OF_METER = {
    **dict.fromkeys(("vcpu", "memory", "gpu", "node", "platform_vcpu", "platform_memory"), COMPUTE),
    **dict.fromkeys(("block_storage", "snapshots", "object_storage", "nfs"), STORAGE),
    **dict.fromkeys(("load_balancer", "public_address", "egress"), NETWORK),
    "control_plane": CONTROL_PLANE,
    "module": MODULES,
}
_OF_PRODUCT = {
    "AWSELB": NETWORK,
    "AmazonVPC": NETWORK,
    "AWSDataTransfer": NETWORK,
    "AmazonRoute53": NETWORK,
    "AmazonS3": STORAGE,
    "AmazonEFS": STORAGE,
    "AmazonFSx": STORAGE,
    "AmazonEKS": CONTROL_PLANE,
    "ComputeSavingsPlans": COMPUTE,
}
# Usage types of Amazon EC2, behind a region's prefix: EUC1-BoxUsage:m5.large, EUC1-EBS:VolumeUsage.gp3.
_OF_USAGE = (
    (re.compile(r"EBS:|EBSOptimized|SnapshotUsage"), STORAGE),
    (
        re.compile(r"DataTransfer|NatGateway|LoadBalancer|LCUUsage|ElasticIP|PublicIPv4|VpcEndpoint|-Bytes"),
        NETWORK,
    ),
    (re.compile(r"BoxUsage|SpotUsage|DedicatedUsage|HostUsage|HeavyUsage|Reservation|CPUCredits"), COMPUTE),
)


def of_aws(product: str, usage_type: str) -> str:
    """Return the group of an AWS product and usage type."""
    if product == "AmazonEC2":
        return next((group for pattern, group in _OF_USAGE if pattern.search(usage_type)), OTHER)
    return _OF_PRODUCT.get(product, OTHER)
