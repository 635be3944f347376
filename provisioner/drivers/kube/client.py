"""One API server over pooled connections: calls with a deadline, watches with a limit to silence.

The `kubernetes` package brings connections and requests; its models are left aside, because turning 10,000 objects into
them takes minutes where JSON takes a second. It costs 1.3 s to import, so that happens at the first use.
"""

from __future__ import annotations

import signal
import ssl
import time
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import orjson

from controlplane.kernel.errors import Fatal, Retry
from provisioner.drivers.kube.kubeconfig import ApiAccess
from provisioner.drivers.kube.refusals import ApiRefused, refused
from provisioner.drivers.kube.tls import ssl_context

Json = dict[str, Any]
APPLY = "application/apply-patch+yaml"  # JSON is YAML
MERGE = "application/merge-patch+json"
TIMED_OUT = "timed_out"  # the code of a server that is there and too slow
_CHUNK_BYTES = 256 * 1024
_POOL = 64


def kubernetes_client() -> Any:
    """Import the package, as a whole: a step's time limit that broke in here would leave half of it behind for ever."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        client = import_module("kubernetes.client")
        client.ApiClient, client.Configuration  # noqa: B018 - the package imports its parts when they are first asked for
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return client


class KubeClient:
    """Speaks to one API server; safe to share by threads.

    `name` opens the sentences of errors; `landscape` says whether silence counts against the landscape's circuit breaker.
    """

    def __init__(
        self, access: ApiAccess, *, name: str, timeout_seconds: float, landscape: bool = True
    ) -> None:
        library = kubernetes_client()
        self.name = name
        self.landscape = landscape
        self._timeout_seconds = timeout_seconds
        self._server = access.server
        self._headers = {"Accept": "application/json", "User-Agent": "nesoi"}
        if access.token:
            self._headers["Authorization"] = f"Bearer {access.token}"
        # No retries inside: urllib3 would sleep through a Retry-After, and a call never waits.
        settings = library.Configuration(host=access.server, retries=False, connection_pool_maxsize=_POOL)
        settings.keep_alive = True
        settings.tls_server_name = access.tls_server_name or None
        self._api: Any = library.ApiClient(settings)
        try:
            context = ssl_context(access)
        except (ssl.SSLError, ValueError):
            raise Fatal(
                f"{name}: its certificate authority or our client certificate is not usable; renew the credentials file.",
                code="credentials_unusable",
            ) from None
        self._api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context

    def close(self) -> None:
        """Close the idle connections."""
        self._api.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
        timeout_seconds: float | None = None,
    ) -> Json:
        """Return the answer's JSON; raises ApiRefused for 400 and above, Retry when none comes in time."""
        seconds = timeout_seconds or self._timeout_seconds
        deadline = time.monotonic() + seconds
        response = self._open(method, path, query, body, content_type, (min(seconds, 5.0), seconds))
        try:
            content = self._read(response, deadline)
        finally:
            response.release_conn()
        return self._understood(response.status, content, response.headers)

    def watch(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> Iterator[Json]:
        """Yield the watch's events until the server ends it; raises ApiRefused, or Retry when the connection breaks.

        Not a byte for `silence_seconds` counts as broken.
        """
        from urllib3.exceptions import HTTPError

        timeouts = (self._timeout_seconds, silence_seconds)
        response = self._open("GET", path, query, None, "application/json", timeouts)
        try:
            if response.status >= 400:  # noqa: PLR2004
                content = self._read(response, time.monotonic() + self._timeout_seconds)
                self._understood(response.status, content, response.headers)
            pending = b""
            while chunk := response.read1(_CHUNK_BYTES):
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield orjson.loads(line)
        except (HTTPError, OSError, orjson.JSONDecodeError) as error:
            raise self._unreachable(error) from None
        finally:
            response.close()

    def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Json | None,
        content_type: str,
        timeouts: tuple[float, float],
    ) -> Any:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError, ProtocolError

        url = self._server + path + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, "Content-Type": content_type}
        sent: Any = orjson.dumps(body) if body is not None and content_type == APPLY else body
        for last in (False, True):
            try:
                return self._api.call_api(method, url, dict(headers), sent, None, timeouts).response
            except ProtocolError as error:
                # The server may close an idle connection just as we pick it up; every call of ours may be repeated.
                if last:
                    raise self._unreachable(error) from None
            except (HTTPError, ApiException, OSError) as error:
                raise self._unreachable(error) from None
        raise AssertionError  # the loop returns or raises

    def _read(self, response: Any, deadline: float) -> bytes:
        from urllib3.exceptions import HTTPError

        parts = []
        try:
            # read1 returns what has come, so a server that drips cannot outlast the deadline.
            while part := response.read1(_CHUNK_BYTES):
                parts.append(part)
                if time.monotonic() > deadline:
                    response.close()
                    raise self._unreachable(TimeoutError())
        except (HTTPError, OSError) as error:
            response.close()
            raise self._unreachable(error) from None
        return b"".join(parts)

    def _understood(self, status: int, content: bytes, headers: Mapping[str, str]) -> Json:
        try:
            body = orjson.loads(content) if content else {}
        except orjson.JSONDecodeError:
            body = None
        if status >= 400:  # noqa: PLR2004
            raise refused(status, body, headers)
        if not isinstance(body, dict) or status >= 300:  # noqa: PLR2004
            raise ApiRefused(502, "", f"The answer ({status}) is not what a Kubernetes API says.")
        return body

    def _unreachable(self, error: BaseException) -> Retry:
        from urllib3.exceptions import ReadTimeoutError

        late = isinstance(
            error, (ReadTimeoutError, TimeoutError)
        )  # it took the call, and was not done in time
        # The type says enough; the text of such errors may hold addresses and headers.
        return Retry(
            f"{self.name} does not answer ({type(error).__name__}).",
            code=TIMED_OUT if late else "unreachable",
            landscape_fault=self.landscape,
        )
