"""Everything that can be done with rollouts, windows and waivers; each keyword-only, atomic, with its audit row."""

from __future__ import annotations

from provisioner.rollouts.approving import approve_gate, open_gate
from provisioner.rollouts.controlling import (
    abort_rollout,
    close_rollout,
    pause_rollout,
    release_stop,
    resume_rollout,
    stop_everything,
)
from provisioner.rollouts.creating import create_rollout, start_rollout
from provisioner.rollouts.kept_preview import kept_preview, preview_again
from provisioner.rollouts.previewing import preview_rollout
from provisioner.rollouts.scheduling import (
    Owner,
    add_exclusion,
    add_window,
    exclusions_of,
    remove_exclusion,
    remove_window,
    windows_of,
)
from provisioner.rollouts.steering import Choice, prioritise_targets, retry_targets, skip_targets
from provisioner.rollouts.waiving import revoke_waiver, waive_runtime

__all__ = [
    "Choice",
    "Owner",
    "abort_rollout",
    "add_exclusion",
    "add_window",
    "approve_gate",
    "close_rollout",
    "create_rollout",
    "exclusions_of",
    "kept_preview",
    "open_gate",
    "pause_rollout",
    "preview_again",
    "preview_rollout",
    "prioritise_targets",
    "release_stop",
    "remove_exclusion",
    "remove_window",
    "resume_rollout",
    "retry_targets",
    "revoke_waiver",
    "skip_targets",
    "start_rollout",
    "stop_everything",
    "waive_runtime",
    "windows_of",
]
