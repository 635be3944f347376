"""What must be so before a stage begins or a rollout goes on behind it: one file per kind of gate, its name the key.

A gate checks its settings when a rollout is planned, and judges evidence as often as it is asked; it keeps nothing itself. Pure.
"""
