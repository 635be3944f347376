"""Ways to tell people from programs: one file per way, its name is the key that TRIAL_CHECK names.

Each has a `check`: see `base.Check`. None is in use by default.
"""
