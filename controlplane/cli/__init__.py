"""The `nesoi` command: a client of the REST API, for people and for scripts.

It knows nothing of the server but its documented shapes: it imports no other room but the kernel and runs on any machine. What a
person reads goes to standard output as a table, JSON or YAML; progress and problems go to standard error.
"""
