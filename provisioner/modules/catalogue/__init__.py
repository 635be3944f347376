"""One file per module, named after its key with `_` for `-`, exporting `module`; `provisioner.modules.registry` finds them.

The manifests are our own minimal ones, rendered here. The tenant speaks to a module only by its settings and its custom
resource; what stands behind them is an implementation, which a release chooses.
"""
