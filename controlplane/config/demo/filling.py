"""Request the demo's runtimes as its tenants would, and change and delete some of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from controlplane.config.demo.client import AnswerError, Client
from controlplane.config.demo.fleet import Fate, Trouble, Wish, wishes

_PATIENCE_SECONDS = 180.0
_LOOK_SECONDS = 2.0
_SETTLED = {"ready", "failed"}


class Filling:
    """One filling of the demo; it can be interrupted and run again. `say` tells what happens."""

    def __init__(
        self,
        tenants: dict[str, Client],
        simulator: Client,
        cluster_name: Callable[[str], str],
        say: Callable[[str], None],
    ) -> None:
        self._tenants = tenants
        self._simulator = simulator
        self._cluster_name = cluster_name
        self._say = say
        self._ids: dict[Wish, str] = {}
        self._failures: list[dict[str, Any]] = []

    def run(self) -> None:
        """Request everything; returns when the last changes are requested, not when they are done."""
        by_fate = {fate: [wish for wish in wishes() if wish.fate is fate] for fate in Fate}
        early = by_fate[Fate.CHANGED] + by_fate[Fate.DELETED] + by_fate[Fate.KEPT]
        for wish in early:
            if wish.trouble:
                self._request_troubled(wish, wish.trouble)
        for wish in early:
            if not wish.trouble:
                self._request(wish)
        self._say(f"{len(early)} runtimes requested; the simulator builds them now")
        for wish in by_fate[Fate.CHANGED]:
            if self._settles(wish):
                self._change(wish)
        for wish in by_fate[Fate.DELETED]:
            if self._settles(wish):
                self._act(wish, lambda client, path, tag: client.delete(path, tag=tag))
        for wish in by_fate[Fate.LATE]:
            self._request(wish)
        self._say("the demo's runtimes are all requested, a few of them changed or deleted")

    def _request_troubled(self, wish: Wish, trouble: Trouble) -> None:
        """Request one that the landscape has trouble with: with every cluster until this one's name is known."""
        failure = {"code": trouble.code, "rate": 1.0, "operation": trouble.operation}
        self._have_failures([*self._failures, failure])
        self._request(wish)
        name = re.escape(self._cluster_name(self._ids[wish]))
        self._failures.append(failure | {"name_regex": f"^{name}$"})
        self._have_failures(self._failures)

    def _have_failures(self, failures: list[dict[str, Any]]) -> None:
        self._simulator.patch("/simulator/v1/settings", {"failures": failures})

    def _request(self, wish: Wish) -> None:
        body = {
            "account": wish.account,
            "name": wish.name,
            "plan": wish.plan,
            "parameters": wish.parameters,
            "labels": wish.labels,
        }
        client = self._tenants[wish.tenant]
        try:
            answer = client.post("/api/v1/runtimes", body, key=f"demo-{wish.tenant}-{wish.name}")
            self._ids[wish] = answer["runtime"]["id"]
        except AnswerError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            found = client.all(f"/api/v1/runtimes?q={wish.name}")
            self._ids[wish] = next(one["id"] for one in found if one["name"] == wish.name)

    def _settles(self, wish: Wish) -> bool:
        """Wait until it is ready; False when it failed, is gone or takes too long."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                phase = self._runtime(wish)["status"]["phase"]
            except AnswerError:
                return False
            if phase in _SETTLED:
                return bool(phase == "ready")
            time.sleep(_LOOK_SECONDS)
        return False

    def _change(self, wish: Wish) -> None:
        bigger = wish.parameters["autoScalerMax"] + 2
        self._act(
            wish,
            lambda client, path, tag: client.patch(path, {"parameters": {"autoScalerMax": bigger}}, tag=tag),
        )

    def _act(self, wish: Wish, action: Callable[[Client, str, str], Any]) -> None:
        client, path = self._tenants[wish.tenant], f"/api/v1/runtimes/{self._ids[wish]}"
        try:
            _body, tag = client.get_tagged(path)
            action(client, path, tag)
        except AnswerError as error:  # somebody was quicker: this is a demo to play with
            self._say(f"left {wish.name} alone: {error}")

    def _runtime(self, wish: Wish) -> dict[str, Any]:
        found: dict[str, Any] = self._tenants[wish.tenant].get(f"/api/v1/runtimes/{self._ids[wish]}")
        return found
