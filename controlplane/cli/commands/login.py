"""Sign in, and choose whom to speak to."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import typer

from controlplane.cli import contexts
from controlplane.cli.contexts import Place
from controlplane.cli.options import AsOutput, api, connect
from controlplane.cli.printing import Output, show, told
from controlplane.cli.problems import CliProblem

ME = (
    ("name", "name"),
    ("tenant", "tenant.slug"),
    ("role", "role"),
    ("platform role", "platform_role"),
    ("token", "token.name"),
    ("expires", "token.expires_at"),
)


def add_to(app: typer.Typer) -> None:
    """Put these commands beside the nouns."""
    app.command()(login)
    app.command()(logout)
    app.command()(whoami)
    app.command("contexts")(list_contexts)
    app.command()(use)


def login(
    url: Annotated[str, typer.Argument(help="The address of a Nesoi: https://nesoi.example.org")],
    name: Annotated[str, typer.Option("--name", help="What to call it; its host unless told.")] = "",
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input.")
    ] = False,
) -> None:
    """Keep an API token for an address, and make it the current context.

    The token comes from the console (Account, Tokens) and is asked for without being shown.
    """
    token = (
        sys.stdin.readline() if token_stdin else typer.prompt("API token", hide_input=True, err=True)
    ).strip()
    if not token:
        raise CliProblem("No token was given. Make one in the console, under Tokens.")
    place = Place(url.rstrip("/"), token)
    me = connect.get()(place).get("me")
    called = name or urlsplit(url).netloc
    kept = contexts.read()
    path = contexts.write(replace(kept, current=called, places={**kept.places, called: place}))
    whose = (me["tenant"] or {}).get("slug") or "the platform's team"
    told().print(f"Signed in as {me['name']} of {whose}; context “{called}” is kept in {path}.")


def logout(name: Annotated[str, typer.Argument(help="A context; the current one unless told.")] = "") -> None:
    """Forget a context and its token. The token itself goes on until it is revoked or expires."""
    kept = contexts.read()
    gone = name or kept.current
    if gone not in kept.places:
        raise CliProblem(f"There is no context “{gone}”.")
    left = {key: place for key, place in kept.places.items() if key != gone}
    contexts.write(replace(kept, current="" if gone == kept.current else kept.current, places=left))
    told().print(f"Context “{gone}” is forgotten. Revoke its token in the console if nobody needs it.")


def whoami(output: AsOutput = Output.TABLE) -> None:
    """Say for whom the token speaks, and what it may do."""
    show(api().get("me"), output, ME)


def list_contexts(output: AsOutput = Output.TABLE) -> None:
    """List the contexts, without their tokens."""
    kept = contexts.read()
    rows = [
        {"name": name, "url": place.url, "current": name == kept.current}
        for name, place in kept.places.items()
    ]
    show(
        rows,
        output,
        (("name", "name"), ("url", "url"), ("current", "current")),
        empty="No context yet; `nesoi login` adds one.",
    )


def use(name: Annotated[str, typer.Argument(help="A context.")]) -> None:
    """Make a context the current one."""
    kept = contexts.read()
    if name not in kept.places:
        raise CliProblem(
            f"There is no context “{name}”; there is: {', '.join(sorted(kept.places)) or 'none yet'}."
        )
    contexts.write(replace(kept, current=name))
