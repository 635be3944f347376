"""Secrets that go through the product leave no copy: not in logs, rows, messages, the trail, or answers to others."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from controlplane.config.celery import app
from controlplane.config.logging import RedactedFormatter
from controlplane.identity.providers import Wish, add_provider
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal, Retry
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.models import Account, AuditEvent
from controlplane.tenants.services import issue_token
from provisioner.drivers.base import ClusterRef, Kubeconfig
from provisioner.drivers.base import Role as ClusterRole
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle import kubeconfig
from provisioner.operations import transport
from provisioner.operations.announcer import Announcer
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking
from tests.plugins.simulator import Simulator
from tests.signed_in import browse, build, present
from tests.world import World

pytestmark = pytest.mark.django_db

TOKEN = "nesoi_Pl4ntedTokenPl4ntedTokenPl4ntedTokenPl4nt"
PASSPHRASE = "Pl4nted-passphrase-of-alice"
CLIENT_SECRET = "Pl4ntedClientSecretOfTheProvider"
KEY = "Pl4ntedKeyOfAKubeconfig"
LANDSCAPE_TOKEN = "Pl4ntedTokenOfALandscape"
UNREACHABLE = f"""
apiVersion: v1
kind: Config
current-context: x
contexts: [{{name: x, context: {{cluster: x, user: x}}}}]
clusters: [{{name: x, cluster: {{server: "https://127.0.0.1:1"}}}}]
users: [{{name: x, user: {{token: "{LANDSCAPE_TOKEN}"}}}}]
"""


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the log of a process would hold, from debugging upwards."""
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one.formatter, RedactedFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before, level = handler.setStream(written), logging.getLogger().level
    logging.getLogger().setLevel(logging.DEBUG)
    yield written
    logging.getLogger().setLevel(level)
    handler.setStream(before)


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every task message as the broker would get it."""
    sent: list[str] = []
    monkeypatch.setattr(app, "send_task", lambda *args, **kwargs: sent.append(f"{args} {kwargs}"))
    # Earlier tests may have left one that is still busy with a broker that was not there.
    monkeypatch.setattr(transport, "_silent_until", 0.0)
    monkeypatch.setattr(transport, "_announcer", Announcer(transport.send))
    return sent


def eventually(condition: Callable[[], object], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(condition())


class Driver:
    """A landscape whose kubeconfig holds a key, and that fails with a secret on its lips."""

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: ClusterRole) -> Kubeconfig:
        if role is ClusterRole.VIEW:
            raise Retry(f"the server said: client-key-data: {KEY}, token: {LANDSCAPE_TOKEN}")
        return Kubeconfig(f"users: [{{user: {{client-key-data: {KEY}}}}}]", utcnow() + ttl)


def rows() -> str:
    """Every row of every table as text, and what its binary columns hold; a password's hash is no copy of it."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT row_to_json(whole_row)::text FROM "{table}" whole_row')
            found += [row[0] for row in cursor.fetchall()]
    text = "\n".join(found)
    binary = (bytes.fromhex(one) for one in re.findall(r'"\\\\x((?:[0-9a-f]{2})+)"', text))
    return text + "".join(one.decode(errors="ignore") for one in binary)


def kept(response: Any) -> str:
    return f"{response.status_code} {response.content.decode()} {dict(response.headers)}"


def signing_in(world: World) -> Iterator[str]:
    world.alice.user.set_password(PASSPHRASE)
    world.alice.user.save()
    for name, password in (
        ("alice", PASSPHRASE),
        ("alice", f"{PASSPHRASE}-wrong"),
        (PASSPHRASE[:3], PASSPHRASE),
    ):
        yield kept(Client().post("/sign-in", {"username": name, "password": password}))


def using_tokens(issued: str) -> Iterator[str]:
    yield kept(Asking(token=issued).post("/runtimes", WISH))
    yield kept(Asking(token=TOKEN).post("/runtimes", WISH))
    yield kept(Client(headers={"Authorization": f"Token {TOKEN}"}).delete("/api/v1/runtimes/x"))


def storing_credentials(simulator: Simulator, file: Path) -> Iterator[str]:
    wish = Wish("Company", "nesoi", CLIENT_SECRET)
    add_provider(actor=SYSTEM, tenant=None, issuer="https://login.example.org", wish=wish)
    yield repr(wish)
    file.write_text(simulator.kubeconfig.read_text())
    call_command("landscape", "register", "stored", "--credentials-file", str(file), stdout=io.StringIO())
    file.write_text(UNREACHABLE)
    with pytest.raises(CommandError) as unreachable:
        call_command("landscape", "register", "away", "--credentials-file", str(file))
    yield str(unreachable.value)


def minting(world: World, runtime: Runtime) -> Iterator[str]:
    handed = kubeconfig.mint_kubeconfig(
        actor=world.alice.actor, runtime_id=runtime.pk, ttl=timedelta(hours=1), role=ClusterRole.ADMIN
    )
    assert KEY in handed.yaml
    yield repr(handed)
    path, form = f"/runtimes/{runtime.pk}/kubeconfig", {"lifetime": "3600", "role": "view"}
    yield kept(Asking(world.alice).post(path, {"role": "view"}))
    yield kept(browse(world.alice).post(path, form))


def test_planted_secrets_are_nowhere_afterwards(
    world: World,
    simulator: Simulator,
    logged: io.StringIO,
    messages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    cache.clear()
    present(world.alice, world.shop, world.landscape)
    _, issued = issue_token(actor=SYSTEM, name="planted", tenant=world.archipel, role=Role.VIEWER)
    with django_capture_on_commit_callbacks(execute=True):
        runtime = build(world)
    answers = [
        *signing_in(world),
        *using_tokens(issued),
        *storing_credentials(simulator, tmp_path / "k.yaml"),
    ]
    monkeypatch.setattr(kubeconfig, "connect", lambda **_: Driver())
    answers += minting(world, runtime)
    answers.append(
        str(Fatal(f"failed: Bearer {TOKEN}, password={PASSPHRASE}, client_secret: {CLIENT_SECRET}"))
    )

    assert AuditEvent.objects.filter(outcome="denied").count() >= 4
    assert eventually(lambda: messages)
    assert logged.getvalue()
    places = {
        "logs": logged.getvalue(),
        "messages": "\n".join(messages),
        "rows": rows(),
        "answers": "\n".join(answers),
    }
    secrets = [TOKEN, PASSPHRASE, CLIENT_SECRET, KEY, LANDSCAPE_TOKEN, issued, simulator.admin_token]
    found = [(where, secret) for where, text in places.items() for secret in secrets if secret in text]
    assert found == []


def test_the_search_would_find_them(world: World) -> None:
    Account.objects.filter(pk=world.shop.pk).update(name=CLIENT_SECRET)
    assert CLIENT_SECRET in rows()
    Landscape.objects.create(key="plain", kind="gardener", credentials_sealed=LANDSCAPE_TOKEN.encode())
    assert LANDSCAPE_TOKEN in rows()
