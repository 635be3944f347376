"""How drivers speak to a Kubernetes API: credentials, TLS, calls with timeouts, watches, refusals.

Knows nothing of any landscape. A kubeconfig is read by an allow-list, because the usual loaders run programs and
read files that it names.
"""
