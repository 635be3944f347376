"""Reads every runtime through its own API, once in each slot, and hands what it saw to the usage store.

Reading is pure: Kubernetes lists go in, a `Reading` comes out, and what a cluster did not answer is an error, never a zero.
Around it stands one asynchronous process (`manage.py collector`); copies of it share the runtimes and do no harm side by side.
"""
