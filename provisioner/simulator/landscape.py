"""The whole simulator: one garden, its life, the clusters behind it, one HTTPS port."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from provisioner.simulator.admin import PREFIX, administer
from provisioner.simulator.authn import Authenticator
from provisioner.simulator.cluster.admission import NAMESPACE, STRATEGIES
from provisioner.simulator.cluster.controllers import Controllers
from provisioner.simulator.cluster.directory import Directory
from provisioner.simulator.dispatch import dispatch
from provisioner.simulator.endpoint import Endpoint, Strategy
from provisioner.simulator.errors import ApiError
from provisioner.simulator.faults import Faults
from provisioner.simulator.gardener.admission import SHOOT_STRATEGY
from provisioner.simulator.gardener.life import Life
from provisioner.simulator.gardener.maintenance import Maintenance
from provisioner.simulator.gardener.names import SHOOTS
from provisioner.simulator.gardener.seeding import lay_out
from provisioner.simulator.history import Event
from provisioner.simulator.journal import Journal
from provisioner.simulator.kinds import GARDEN_KINDS
from provisioner.simulator.represent import answer
from provisioner.simulator.settings import Settings
from provisioner.simulator.store import Collection, Store
from provisioner.simulator.tls import Authority

BODY_BYTES = 3 * 1024 * 1024
CLUSTERS = "/clusters/"
log = logging.getLogger(__name__)


class Landscape:
    """Holds the parts together; `state` is None for a landscape that forgets."""

    def __init__(self, state: Path | None, settings: Settings, project: str) -> None:
        self.settings = settings
        journal = Journal(state / "simulator.db") if state else None
        self.store = Store(journal)
        self.authority, admin_token = _secrets(journal)
        self.authenticator = Authenticator(self.authority, admin_token)
        self.faults = Faults(settings)
        self.base_url = ""
        self.requests = 0
        shoots = Strategy(
            SHOOT_STRATEGY.prepare, SHOOT_STRATEGY.grows, SHOOT_STRATEGY.check_delete, self._shoot_changed
        )
        strategies = {SHOOTS: shoots, ("", "namespaces"): NAMESPACE}
        self.garden = Endpoint(
            name="",
            identity="garden",
            version="1.35.4",
            store=self.store,
            kinds=GARDEN_KINDS,
            strategies=strategies,
        )
        self.garden.load()
        self.life = Life(self.garden, settings, lambda: self.base_url)
        self.maintenance = Maintenance(self.garden)
        self.controllers = Controllers(settings)
        self.directory = Directory(self.garden, self.store, STRATEGIES, self.controllers)
        self.project = project

    def begin(self, base_url: str) -> list[asyncio.Task[None]]:
        """Lay out what is missing and set everything in motion; call inside the loop."""
        self.base_url = base_url
        lay_out(self.garden, self.project)
        self.life.begin()
        parts = (self.life, self.controllers, self.maintenance)
        return [asyncio.create_task(part.run()) for part in parts]

    def _shoot_changed(self, endpoint: Endpoint, collection: Collection, event: Event) -> None:
        self.life.notice(endpoint, collection, event)
        self.directory.shoot_changed(endpoint, collection, event)

    def endpoints(self) -> Iterator[Endpoint]:
        """Yield the garden and every cluster that is awake."""
        yield self.garden
        yield from self.directory.awake.values()

    def drop_watches(self) -> int:
        """End every open watch; returns how many there were."""
        count = sum(endpoint.readers for endpoint in self.endpoints())
        self.store.watch_epoch += 1
        for endpoint in self.endpoints():
            for collection in endpoint.collections.values():
                collection.history.wake()
        return count

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve any request; every refusal leaves as a Status."""
        self.requests += 1
        try:
            if request.path.startswith(PREFIX):
                return await administer(self, request)
            await self.faults.before(request)
            endpoint, path = self._route(request.path)
            return await dispatch(request, endpoint, path, self.authenticator, self.base_url)
        except ApiError as error:
            return answer(error.status(), error.code, error.headers)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("%s %s", request.method, request.path)
            refusal = ApiError(500, "InternalError", "Internal error occurred: see the simulator's log")
            return answer(refusal.status(), 500)

    def _route(self, path: str) -> tuple[Endpoint, str]:
        if not path.startswith(CLUSTERS):
            return self.garden, path
        _, _, namespace, name, *rest = [*path.split("/", 4), "", ""]
        if not namespace or not name:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return self.directory.find(namespace, name), f"/{rest[0]}"

    def server(self) -> web.Server:
        """Return the aiohttp server: one handler, the paths are ours to read, so nobody routes before."""
        request: Any = partial(web.Request, loop=asyncio.get_running_loop(), client_max_size=BODY_BYTES)
        handler: Any = self.handle
        return web.Server(
            handler,
            request_factory=request,
            access_log=None,
        )


def _secrets(journal: Journal | None) -> tuple[Authority, str]:
    if journal is None:
        return Authority(secrets.token_bytes(32)), secrets.token_urlsafe(32)
    known = journal.fact("secret")
    if known is None:
        authority, token = Authority(secrets.token_bytes(32)), secrets.token_urlsafe(32)
        journal.remember("secret", authority.secret.hex())
        journal.remember("server_ca", authority.server_ca)
        journal.remember("admin_token", token)
        return authority, token
    authority = Authority(bytes.fromhex(known), journal.fact("server_ca") or "")
    journal.remember("server_ca", authority.server_ca)
    return authority, journal.fact("admin_token") or ""
