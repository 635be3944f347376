"""The demo's view of the product: its REST API as a tenant has it, and the simulator's knobs."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 30
_TRIES = 5


class AnswerError(Exception):
    """The other side said no: `status`, and the problem's `code` and sentence where it gave them."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Client:
    """Speaks JSON with a bearer token; `ca` is trusted instead of the system's authorities where given."""

    url: str
    token: str
    ca: str = ""

    def get(self, path: str) -> Any:
        """Return the body."""
        return self._send("GET", path)[0]

    def get_tagged(self, path: str) -> tuple[Any, str]:
        """Return the body and its ETag."""
        return self._send("GET", path)

    def post(self, path: str, body: dict[str, Any], *, key: str) -> Any:
        """Return the body; the idempotency key makes a repetition safe."""
        return self._send("POST", path, body, {"Idempotency-Key": key})[0]

    def patch(self, path: str, body: dict[str, Any], *, tag: str = "") -> Any:
        """Return the body; with `tag`, only when nothing changed since."""
        return self._send("PATCH", path, body, {"If-Match": tag} if tag else {})[0]

    def delete(self, path: str, *, tag: str = "") -> Any:
        """Return the body; with `tag`, only when nothing changed since."""
        return self._send("DELETE", path, None, {"If-Match": tag} if tag else {})[0]

    def all(self, path: str) -> list[dict[str, Any]]:
        """Return the results of every page of a list."""
        results: list[dict[str, Any]] = []
        following: str | None = path
        while following:
            page = self.get(following)
            results += page["results"]
            following = page["next"]
        return results

    def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[Any, str]:
        for attempt in range(_TRIES):
            try:
                return self._send_once(method, path, body, headers or {})
            except AnswerError as answer:
                busy = (
                    answer.status == HTTPStatus.TOO_MANY_REQUESTS or answer.status >= HTTPStatus.BAD_GATEWAY
                )
                if not busy or attempt == _TRIES - 1:
                    raise
            except OSError:
                if attempt == _TRIES - 1:
                    raise
            time.sleep(2**attempt)
        raise AssertionError("the last try returns or raises")

    def _send_once(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> tuple[Any, str]:
        request = urllib.request.Request(  # noqa: S310 - addresses of our own stack
            path if path.startswith("http") else self.url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"} | headers,
            method=method,
        )
        trust = ssl.create_default_context(cafile=self.ca) if self.ca else None
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=trust) as answer:  # noqa: S310
                text = answer.read()
                return (json.loads(text) if text else None), answer.headers.get("ETag", "")
        except urllib.error.HTTPError as error:
            raise _answer(error) from error


def simulator_client(ready_file: Path) -> Client:
    """Return a client of the simulator's admin endpoint, from what it noted when it was ready."""
    noted = json.loads(ready_file.read_text())
    return Client(noted["url"], noted["admin_token"], noted["ca"])


def _answer(error: urllib.error.HTTPError) -> AnswerError:
    try:
        problem = json.loads(error.read())
        return AnswerError(error.code, str(problem.get("code", "")), str(problem.get("detail", "")))
    except (ValueError, AttributeError):
        return AnswerError(error.code, "", error.reason)
