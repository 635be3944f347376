"""The command with all its parts, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from controlplane.cli.commands import (
    costs,
    fleet,
    login,
    maintenance,
    operations,
    releases,
    rollout_targets,
    rollouts,
    runtimes,
)
from controlplane.cli.options import context_name
from controlplane.cli.printing import told
from controlplane.cli.problems import CliProblem, Status

# typer carries click inside, and shows of its exceptions only the outermost ones.
USAGE_ERROR: type[Exception]
ANY_ERROR: type[Exception]
USAGE_ERROR, ANY_ERROR = typer.BadParameter.__mro__[1:3]

app = typer.Typer(
    name="nesoi",
    help="Managed Kubernetes runtimes at fleet scale: order them, upgrade them, know what they cost.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
login.add_to(app)
app.add_typer(runtimes.app, name="runtimes")
app.add_typer(operations.app, name="operations")
app.add_typer(releases.app, name="releases")
rollout_targets.add_to(rollouts.app)
app.add_typer(rollouts.app, name="rollouts")
app.add_typer(fleet.app, name="fleet")
app.command("cost")(costs.cost)
app.command("maintenance")(maintenance.maintenance)


@app.callback()
def begin(
    context: Annotated[
        str, typer.Option("--context", "-c", help="Whom to speak to; the current one unless told.")
    ] = "",
) -> None:
    """Managed Kubernetes runtimes at fleet scale: order them, upgrade them, know what they cost."""
    context_name.set(context)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the status that it ends with; every problem is one line on standard error."""
    command = typer.main.get_command(app)
    try:
        ended = command.main(
            list(arguments) if arguments is not None else None, "nesoi", standalone_mode=False
        )
        return ended if isinstance(ended, int) else Status.DONE
    except CliProblem as problem:
        return _end(str(problem), problem.status)
    except ANY_ERROR as wrong:
        return _wrong(wrong)
    except (typer.Abort, KeyboardInterrupt):
        return _end("Interrupted; what was begun goes on.", Status.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read is gone: say nothing more
        return Status.DONE


def _wrong(wrong: Any) -> int:
    """End behind a command that can't be meant; one that only names a noun is shown what there is."""
    words = wrong.format_message()
    if words.startswith("Usage:"):
        told().print(words, markup=False)
        return Status.BAD_INPUT
    told_by = getattr(wrong, "ctx", None)
    path = told_by.command_path if told_by else "nesoi"
    hint = f" See `{path} --help`." if isinstance(wrong, USAGE_ERROR) else ""
    return _end(f"{words.rstrip('.')}.{hint}", Status.BAD_INPUT)


def _end(words: str, status: Status) -> int:
    told().print(
        f"nesoi: {' '.join(words.split())}",
        style="red" if told().is_terminal else "",
        soft_wrap=True,
        markup=False,
    )
    return int(status)
