"""`python -m provisioner.simulator`: start the embedded landscape.

Prints `simulator ready https://HOST:PORT` when it serves; `--ready-file` gets {"url", "port", "kubeconfig", "ca",
"admin_token", "pid"}. The garden's admin kubeconfig is written to DIR/kubeconfig.yaml. SIGTERM and SIGINT end it.
Exit codes: 0 ended, 2 cannot start (one line on stderr says why and what to do).
"""

from __future__ import annotations

import sys

from provisioner.simulator.command import main

if __name__ == "__main__":
    sys.exit(main())
