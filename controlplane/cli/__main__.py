"""`python -m controlplane.cli` is `nesoi`."""

from __future__ import annotations

import sys

from controlplane.cli.app import main

sys.exit(main())
