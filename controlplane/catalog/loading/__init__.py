"""From reviewed YAML files to tables: read, review, compare, apply.

`reading` and `shapes` know one file at a time, `review` what must agree between files, `difference` what an apply
would change, `apply` is the service that changes it. All but the last two are pure.
"""
