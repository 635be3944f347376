"""What a person sees while the stack starts: one line per step, its time when it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn

_REFRESH_SECONDS = 0.1


class Steps:
    """The steps of a start; they spin on a terminal, and are plain lines elsewhere. Use it as a context."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._refreshed_at = 0.0

    def __enter__(self) -> Steps:
        if self._console.is_terminal:
            columns: list[ProgressColumn] = [SpinnerColumn(finished_text="[green]✓[/]")]
            columns += [TextColumn("{task.description}"), TimeElapsedColumn()]
            self._progress = Progress(*columns, console=self._console, auto_refresh=False)
            self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._progress:
            self._progress.stop()
            self._progress = None

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Show a step while it lasts."""
        began = time.monotonic()
        task = self._progress.add_task(text, total=1) if self._progress else None
        yield
        if self._progress and task is not None:
            self._progress.update(task, completed=1)
        else:
            self._console.print(f"  {text}: {time.monotonic() - began:.1f} s", markup=False)

    def refresh(self) -> None:
        """Move the spinners; to be called often, from the only thread we have."""
        now = time.monotonic()
        if self._progress and now - self._refreshed_at > _REFRESH_SECONDS:
            self._refreshed_at = now
            self._progress.refresh()
