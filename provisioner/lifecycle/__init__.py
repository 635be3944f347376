"""The only doors: create, update, delete a runtime, and mint its kubeconfig. One file per door.

Each is one transaction: check, write the wish, open the operation, leave the audit row; the message leaves on commit.
"""
