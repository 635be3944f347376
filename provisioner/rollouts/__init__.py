"""Campaigns: one release to many runtimes, in stages, within budgets and windows, and nobody left behind unnoticed.

Pure: `selector`, `windows`, `budget`, `plan`, `assigning`, `gates`, `pacing`, `breaker`, `ideal`, `estimate`, `states`.
Rows are in `models`; `ticking.tick` brings them forward level by level, and any number of copies of it may run.
What can be done stands in `services`, each with its signature and refusals: preview, create, start, pause, resume, abort,
close a rollout; retry, skip, prioritise targets (a `Choice`); approve or open a gate; stop everything; waive a runtime;
windows and exclusions of an `Owner`.
What is shown: `reading` (list_rollouts, read_rollout, list_targets, read_feed) and `why_not` (why_not, why_not_groups,
version_histogram, left_behind, open_ends). What others fill in: `ports` (begin, revenue, footprint_change).
"""
