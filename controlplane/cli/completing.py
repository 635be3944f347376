"""Completes names that only the server knows: within a moment, or not at all and in silence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import typer

from controlplane.cli import contexts
from controlplane.cli.client import Api
from controlplane.cli.options import connect

SECONDS = 2.0  # whoever presses the tab key waits for no more
MOST = 50
# What a shell takes as it is: a name that it would read as something else is never put on a line that people then send off.
PLAIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._/\-]*$")
Ask = Callable[[Api, str], Iterable[str]]


def runtimes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of runtimes that begin so; behind an account's and a slash, those in it."""
    return _found(ctx, incomplete, _runtimes)


def rollouts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the newest rollouts that begin so."""
    return _found(ctx, incomplete, lambda server, _: _named(server.every("rollouts", limit=MOST), "name"))


def releases(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of releases that begin so."""
    return _found(ctx, incomplete, lambda server, _: _named(server.get("releases")["results"], "key"))


def _found(ctx: typer.Context, incomplete: str, ask: Ask) -> list[str]:
    try:
        named = str(ctx.find_root().params.get("context") or "")
        server = connect.get()(contexts.chosen(named)).hurried(SECONDS)
        names = dict.fromkeys(ask(server, incomplete))
    except Exception:  # nobody asked for a sentence: the shell shows what it is told, so nothing is
        return []
    return [name for name in names if name.startswith(incomplete) and PLAIN.match(name)]


def _runtimes(server: Api, incomplete: str) -> Iterable[str]:
    account, slash, name = incomplete.rpartition("/")
    query: dict[str, Any] = {"q": name, "account": account}
    for row in server.every("runtimes", query, limit=MOST):
        yield f"{row['account']}/{row['name']}" if slash else row["name"]


def _named(found: Iterable[Mapping[str, Any]], column: str) -> Iterable[str]:
    return (str(row[column]) for row in found)
