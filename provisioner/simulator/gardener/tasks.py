"""What a Shoot's operation goes through, and how long each part takes of the whole."""

from __future__ import annotations

Task = tuple[int, str]

CREATE: tuple[Task, ...] = (
    (4, "Waiting for the seed to accept the cluster"),
    (12, "Preparing the cluster's namespace in the seed and its DNS records"),
    (22, "Creating the network and its gateways at the infrastructure provider"),
    (38, "Waiting until the infrastructure is ready"),
    (50, "Starting etcd and the control plane"),
    (62, "Waiting until the API server answers"),
    (76, "Creating machines for the worker pools"),
    (88, "Waiting until the machines have joined as nodes"),
    (95, "Installing the system components and waiting for them"),
)
RECONCILE: tuple[Task, ...] = (
    (10, "Comparing the wanted state with the running control plane"),
    (35, "Updating the infrastructure and the control plane"),
    (60, "Rolling the worker pools"),
    (85, "Waiting until the nodes and system components are healthy"),
)
HIBERNATE: tuple[Task, ...] = (
    (20, "Draining the worker pools"),
    (60, "Deleting the machines of the worker pools"),
    (90, "Scaling the control plane down"),
)
WAKE: tuple[Task, ...] = (
    (20, "Scaling the control plane up"),
    (50, "Creating machines for the worker pools"),
    (85, "Waiting until the machines have joined as nodes"),
)
DELETE: tuple[Task, ...] = (
    (10, "Removing the workloads and volumes of the cluster"),
    (35, "Deleting the machines of the worker pools"),
    (60, "Deleting the control plane and its etcd"),
    (80, "Deleting the network at the infrastructure provider"),
    (95, "Removing DNS records and the cluster's namespace in the seed"),
)

API_READY_AT = 62
NODES_READY_AT = 88

MESSAGES = {
    "ERR_INFRA_UNAUTHENTICATED": "The provider refused the credentials: the key is unknown or revoked.",
    "ERR_INFRA_UNAUTHORIZED": "The provider refused the call: the account's credentials lack a permission.",
    "ERR_INFRA_QUOTA_EXCEEDED": "The provider refused more machines: the account's quota is used up.",
    "ERR_INFRA_RATE_LIMITS_EXCEEDED": "The provider throttles the account: too many calls.",
    "ERR_INFRA_DEPENDENCIES": "Other resources of the account stand in the way: remove them first.",
    "ERR_RETRYABLE_INFRA_DEPENDENCIES": "Other resources of the account are still being removed.",
    "ERR_INFRA_RESOURCES_DEPLETED": "The provider has no machine of this type left in the zone.",
    "ERR_CLEANUP_CLUSTER_RESOURCES": "Resources inside the cluster could not be removed in time.",
    "ERR_CONFIGURATION_PROBLEM": "The cluster's configuration cannot be carried out as it is.",
    "ERR_RETRYABLE_CONFIGURATION_PROBLEM": "The cluster's configuration does not work at present.",
    "ERR_PROBLEMATIC_WEBHOOK": "A webhook in the cluster blocks the system components.",
}
RETRIED = frozenset(
    {
        "ERR_INFRA_RATE_LIMITS_EXCEEDED",
        "ERR_RETRYABLE_INFRA_DEPENDENCIES",
        "ERR_INFRA_RESOURCES_DEPLETED",
        "ERR_CLEANUP_CLUSTER_RESOURCES",
        "ERR_RETRYABLE_CONFIGURATION_PROBLEM",
    }
)
