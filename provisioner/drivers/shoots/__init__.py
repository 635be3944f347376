"""Between our words and Gardener's, without any I/O: a ClusterSpec becomes a Shoot, a Shoot becomes an Observed.

Facts about Gardener are those of its API group core.gardener.cloud/v1beta1 as of version 1.150.
"""
