"""The embedded landscape: a Kubernetes API server in miniature over HTTPS, and a small Gardener behind it.

Started as `python -m provisioner.simulator` (see __main__.py) and reached over HTTPS only: the garden's API at `/`,
every runtime's own API under `/clusters/<namespace>/<shoot>/`, the knobs for tests and demos at `/simulator/v1/`
(see admin.py). Objects rest as bytes (store.py), durable in SQLite (journal.py); idle clusters cost nothing.
"""
