"""From one release to a later one: the control plane hop by hop, then the workers, then what runs on them."""

from datetime import timedelta

from provisioner.flows.base import Flow
from provisioner.steps import (
    conclude_upgrade,
    grant_access,
    preflight_upgrade,
    upgrade_control_plane,
    upgrade_workers,
    verify_access,
)

flow = Flow(
    steps=(
        preflight_upgrade.step,
        upgrade_control_plane.step,
        upgrade_workers.step,
        verify_access.step,
        grant_access.step,
        conclude_upgrade.step,
    ),
    deadline=timedelta(hours=16),
)
