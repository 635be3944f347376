"""What the stack says: every child's lines with its name before them, on the terminal and in one file."""

from __future__ import annotations

import os
import re
import sys
import time
from collections import deque
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_REMEMBERED_LINES = 15
_WIDTH = 9
_WIDTH_OF_A_FILE = 110


class Journal:
    """Prints lines with their speaker's name; colours only on a terminal and never when NO_COLOR is set.

    `quiet` keeps children's lines from the terminal (they go to the file all the same).
    """

    def __init__(self, file: Path | None, *, terminal: TextIO = sys.stdout, quiet: bool = False) -> None:
        width = None if terminal.isatty() else _WIDTH_OF_A_FILE
        self.console = Console(
            file=terminal, highlight=False, soft_wrap=True, no_color=_plain(terminal), width=width
        )
        self.quiet = quiet
        self._file = file.open("a", buffering=1, encoding="utf-8", errors="replace") if file else None
        self._colours: dict[str, str] = {}
        self._unfinished: dict[str, bytes] = {}
        self._last: dict[str, deque[str]] = {}

    def say(self, line: str) -> None:
        """Say a line of the supervisor's own."""
        self._write("nesoi", line)
        self._print("nesoi", line, colour="bold")

    def hear(self, name: str, output: bytes) -> None:
        """Take a piece of a child's output, which may end in the middle of a line."""
        *lines, rest = (self._unfinished.pop(name, b"") + output).split(b"\n")
        if rest:
            self._unfinished[name] = rest
        for line in lines:
            self._line(name, line)

    def finish(self, name: str) -> None:
        """Take what a child said last without ending its line."""
        if rest := self._unfinished.pop(name, b""):
            self._line(name, rest)

    def last_lines(self, name: str) -> list[str]:
        """Return the last lines of a child."""
        return list(self._last.get(name, ()))

    def _line(self, name: str, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()
        plain = _ESCAPES.sub("", text)
        self._last.setdefault(name, deque(maxlen=_REMEMBERED_LINES)).append(plain)
        self._write(name, plain)
        if not self.quiet:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            self._print(name, plain, colour)

    def _write(self, name: str, line: str) -> None:
        if self._file:
            self._file.write(f"{time.strftime('%H:%M:%S')} {name:<{_WIDTH}} | {line}\n")

    def _print(self, name: str, line: str, colour: str) -> None:
        try:
            self.console.print(f"[{colour}]{name:<{_WIDTH}}[/] [dim]|[/] {escape(line)}")
        except (OSError, SystemExit):  # the terminal went away (rich exits then); the file has it all
            self.quiet = True


def _plain(terminal: TextIO) -> bool:
    return bool(os.environ.get("NO_COLOR")) or not terminal.isatty()
