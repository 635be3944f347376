"""Jobs: pods until enough of them succeeded."""

from __future__ import annotations

from provisioner.simulator.cluster.workloads import make_pod, owned, report
from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.moments import stamp


def reconcile(endpoint: Endpoint) -> None:
    """Make the pods of every Job and say when it is complete."""
    for job in endpoint.collection("batch", "jobs").documents():
        _job(endpoint, job)


def _job(endpoint: Endpoint, job: Json) -> None:
    status = job.get("status") or {}
    if any(each["type"] == "Complete" for each in status.get("conditions") or []):
        return
    pods = owned(endpoint, ("", "pods"), job)
    wanted = int(job["spec"].get("completions", 1))
    succeeded = sum(1 for each in pods if each["status"].get("phase") == "Succeeded")
    active = sum(1 for each in pods if each["status"].get("phase") in ("Pending", "Running"))
    room = min(int(job["spec"].get("parallelism", 1)) - active, wanted - succeeded - active)
    if not job["spec"].get("suspend"):
        for index in range(len(pods), len(pods) + max(room, 0)):
            name = job["metadata"]["name"]
            make_pod(
                endpoint, job, f"{name}-{index:05d}", {"job-name": name, "batch.kubernetes.io/job-name": name}
            )
    found: Json = {
        "startTime": status.get("startTime") or stamp(),
        "active": max(active, 0),
        "succeeded": succeeded,
    }
    if succeeded >= wanted:
        found["completionTime"] = stamp()
        found["conditions"] = [{"type": "Complete", "status": "True", "reason": "CompletionsReached"}]
    report(endpoint.collection("batch", "jobs"), job, found)
