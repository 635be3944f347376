"""Orders runtimes over the REST API as frugally as a client can: the processor that it takes is not the product's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from tests.bench.fleet import ORDERING_CLIENTS
from tests.plugins.stack import Stack

PATIENCE_SECONDS = 30


def order_many(stack: Stack, prefix: str, number: int, changes: dict[str, Any] | None = None) -> None:
    """Order so many runtimes for the demo's first tenant, each client one behind the other over one connection."""
    access = stack.access["tenants"][0]
    wish = {"account": access["accounts"][0], "plan": "aws", "parameters": {"region": "eu-central-1"}}
    headers = {"Authorization": f"Bearer {access['token']}", "Content-Type": "application/json"}
    wishes = ({**wish, **(changes or {}), "name": f"{prefix}-{at}"} for at in range(number))
    bodies = iter([json.dumps(each) for each in wishes])  # shared: who is quicker takes more
    address = urlsplit(stack.record["url"]).netloc

    def order(_client: int) -> None:
        link = HTTPConnection(address, timeout=PATIENCE_SECONDS)
        while (body := next(bodies, None)) is not None:
            link.request("POST", "/api/v1/runtimes", body, headers)
            answer = link.getresponse()
            said = answer.read()
            assert answer.status == HTTPStatus.ACCEPTED, said
        link.close()

    with ThreadPoolExecutor(ORDERING_CLIENTS) as clients:
        list(clients.map(order, range(ORDERING_CLIENTS)))
