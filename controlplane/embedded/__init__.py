"""The embedded stack: everything `make demo` needs on a machine that has only Python.

Starts PostgreSQL and Valkey from their wheels, the simulator and the product's own processes, watches them,
restarts what dies and leaves nothing behind. It knows the product only as commands and environment variables:
Django is reached through `manage.py`, never imported.
"""
