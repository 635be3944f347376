"""Campaigns: one release to many runtimes, in stages, within budgets and windows, and nobody left behind unnoticed.

Pure: `selector`, `windows`, `budget`, `plan`, `assigning`, `gates`, `pacing`, `breaker`, `ideal`, `estimate`, `states`.
Rows are in `models`; `ticking` brings them forward level by level, and any number of copies of it may run.
"""
