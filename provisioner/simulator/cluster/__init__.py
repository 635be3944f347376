"""Every runtime's own cluster: nodes, system pods and workloads behind its own endpoint.

A cluster is built from its Shoot when somebody first speaks to it and forgotten when nobody does; only what users put
into it is stored. One pass of `controllers` brings workloads to life, moved by a heap shared by all clusters.
"""
