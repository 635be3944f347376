"""What is installed into a runtime: the catalogue of modules, how they are put in order, installed, looked after and removed,
and the isolation that keeps the platform's work and the tenant's apart.

A module is one file in `catalogue/`; everything but `models`, `memory` and `queries` is pure and reaches a cluster only through
`runtimes.inside.ClusterApi`.
"""
