"""How gunicorn is started: it believes no neighbour, and keeps a proxy's connections.

Whom to believe is settled by TRUSTED_PROXIES: gunicorn's own trust in its neighbours would let them rewrite paths.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]

from controlplane.embedded.processes import web

IMAGE = Path(__file__).resolve().parents[2] / "deploy" / "Containerfile"


def of_the_image() -> list[str]:
    found = re.search(r"^CMD (\[.*\])$", IMAGE.read_text(), re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return words


def of_the_stack() -> list[str]:
    words = list(web(8000, {}).command)
    return words[next(at for at, word in enumerate(words) if word.endswith("gunicorn")) :]


@pytest.fixture(params=[of_the_image, of_the_stack])
def config(request: pytest.FixtureRequest) -> Config:
    """What gunicorn reads from each command of ours."""
    config = Config()
    _, *options = request.param()
    given = config.parser().parse_args(options)
    for name in ("forwarded_allow_ips", "keepalive"):
        if getattr(given, name) is not None:
            config.set(name, getattr(given, name))
    return config


def test_every_gunicorn_of_ours_believes_nobody(config: Config) -> None:
    assert config.forwarded_allow_ips == []


def test_every_gunicorn_of_ours_keeps_a_connection_longer_than_a_proxy_does(config: Config) -> None:
    assert config.keepalive > 60
