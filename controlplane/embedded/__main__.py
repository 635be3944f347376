"""`python -m controlplane.embedded up | stop | status | clean`: the stack from the command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from controlplane.embedded import commands
from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.processes import CHECKOUT

_COMMANDS: dict[str, Callable[[Path], int]] = {
    "up": commands.up,
    "stop": commands.stop,
    "status": commands.status,
    "clean": commands.clean,
}


def main(arguments: list[str]) -> int:
    """Run one command; exit status 2 means that something here has to be mended first."""
    parser = argparse.ArgumentParser(prog="python -m controlplane.embedded", description=__doc__)
    parser.add_argument("command", nargs="?", default="up", choices=sorted(_COMMANDS))
    chosen = parser.parse_args(arguments).command
    state = Path(os.environ.get("STATE_DIR") or CHECKOUT / ".nesoi").expanduser().absolute()
    try:
        return _COMMANDS[chosen](state)
    except CannotStartError as problem:
        sys.stderr.write(f"nesoi: {problem}\n")
        return 2
    except PermissionError as error:
        sys.stderr.write(
            f"nesoi: {error.filename} is not ours to touch. Start as its owner, or set STATE_DIR.\n"
        )
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
