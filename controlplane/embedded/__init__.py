"""The embedded stack: everything `make demo` needs on a machine that has only Python.

Starts PostgreSQL and Valkey from their wheels, the simulator and the product's own processes, watches them,
restarts what dies and leaves nothing behind. It knows the product only as commands, environment variables and
the file of its sealing keys: Django is reached through `manage.py`, never imported.
"""
