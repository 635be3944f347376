"""What can be ordered: plans, regions, machine types, Kubernetes versions, releases, channels and modules.

The truth is a folder of reviewed YAML files, loaded by `manage.py catalog apply`; the tables are its copy.
Each plan yields one JSON Schema, from which the API, the console's form and the broker validate and render.
"""
