"""The only way out to an address that somebody else chose: identity providers, sources of modules, later webhooks.

Such an address must not lead back inside (server-side request forgery). So it is resolved once, every address that it
resolves to must be public, and the connection goes to the very address that was looked at: a name that resolves
differently the second time (DNS rebinding) gains nothing. No redirect is followed here; size and time are bounded. Who asks to
be told of a redirect looks at where it leads, calls that in its turn, and says again what of the headers is for that host.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

LONGEST_URL = 2048
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
# What the standard library takes for public, in one of the versions that we run on.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",  # RFC 6890; one cloud's metadata lies in it
        "168.63.129.16/32",  # Azure's wire server, reachable from inside only
        "64:ff9b:1::/48",  # RFC 8215: NAT64 of one network
        "fec0::/10",  # RFC 3879: site-local
        "5f00::/16",  # RFC 9602: segment routing
    )
)
_CLEAN = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII without blank and backslash


class OutboundRefusedError(Exception):
    """An address that Nesoi does not call: tell whoever chose it."""


class NoAnswerError(Exception):
    """The other side can't be reached, is too slow, or answers too much: try again later."""


class TooLargeError(NoAnswerError):
    """The other side answers more than it may."""


@dataclass(frozen=True)
class Policy:
    """What may be called besides public HTTPS addresses, and how long and how much an answer may be."""

    private_networks: tuple[
        Network, ...
    ] = ()  # listed by the operator: an identity provider of the own network
    plain_hosts: frozenset[str] = field(default_factory=frozenset)  # "host:port" that may be called over HTTP
    timeout_seconds: float = 5.0  # for the whole call
    most_bytes: int = 1_000_000
    authorities: str = ""  # a file of certificates (PEM) that are trusted besides the system's

    @classmethod
    def read(cls, *, private_networks: Sequence[str], plain_hosts: Sequence[str]) -> Policy:
        """Read what an operator wrote; raises ValueError for what is no network."""
        return cls(tuple(ipaddress.ip_network(text) for text in private_networks), frozenset(plain_hosts))


@dataclass(frozen=True)
class Answer:
    """What came back; header names are in lower case, `url` is the address that was called for it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host in the system's order; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def check_url(url: str, policy: Policy) -> SplitResult:
    """Return the parts of an address that may be called; raises OutboundRefusedError. Resolves nothing."""
    if len(url) > LONGEST_URL or not _CLEAN.fullmatch(url):
        raise OutboundRefusedError("The address is too long or has characters that no address has.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as fault:
        raise OutboundRefusedError("That is not an address.") from fault
    if not parts.hostname or parts.username is not None or parts.password is not None or parts.fragment:
        raise OutboundRefusedError("The address must name a host, and neither a user nor a fragment.")
    plain = parts.scheme == "http" and f"{parts.hostname}:{port or 80}" in policy.plain_hosts
    if parts.scheme != "https" and not plain:
        raise OutboundRefusedError("The address must begin with https://.")
    return parts


def check_literal(host: str, policy: Policy) -> None:
    """Refuse a host that is itself an address which may not be called; raises OutboundRefusedError. Resolves nothing."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a name: what it leads to is looked at when it is called
        return
    if not _may_call(address, policy):
        raise OutboundRefusedError(f"{host} is an address inside a private network.")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, looking through IPv6 forms that carry an IPv4 address."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def _may_call(address: Address, policy: Policy) -> bool:
    seen = _inner(address) or address
    return is_public(address) or any(seen in network for network in policy.private_networks)


def pin(host: str, port: int, policy: Policy, resolver: Resolver = resolve) -> Sequence[str]:
    """Resolve a host once and return its addresses; raises OutboundRefusedError when any of them may not be called."""
    try:
        found = resolver(host, port)
    except (OSError, UnicodeError) as fault:
        raise NoAnswerError(f"{host} can't be found in the DNS.") from fault
    for text in found:
        if not _may_call(ipaddress.ip_address(text.partition("%")[0]), policy):
            raise OutboundRefusedError(f"{host} leads to an address inside a private network.")
    if not found:
        raise NoAnswerError(f"{host} has no address.")
    return found


def fetch(
    url: str,
    *,
    policy: Policy,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    resolver: Resolver = resolve,
    tell_redirects: bool = False,
) -> Answer:
    """Call an address and return its answer, whatever its status; a redirect is never followed, and told only where asked for.

    Raises OutboundRefusedError when the address may not be called, NoAnswerError when nothing usable comes back in time.
    """
    parts = check_url(url, policy)
    port, host = parts.port or (443 if parts.scheme == "https" else 80), str(parts.hostname)
    addresses = pin(host, port, policy, resolver)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _Pinned(host, port, addresses, tls=parts.scheme == "https", policy=policy)
    given = {"Accept": "application/json", "User-Agent": "nesoi", **(headers or {})}
    end = threading.Timer(policy.timeout_seconds, connection.cut)
    end.daemon = True
    end.start()
    try:
        connection.request(method, target, body=body, headers=given)
        response = connection.getresponse()
        content = response.read(policy.most_bytes + 1)
    except (OSError, http.client.HTTPException, ValueError, AttributeError) as fault:
        # http.client stumbles with ValueError or AttributeError over a socket that `cut` closed under it.
        raise NoAnswerError(f"{host} did not answer as a web server does, or not in time.") from fault
    finally:
        end.cancel()
        connection.close()
    if len(content) > policy.most_bytes:
        raise TooLargeError(f"{host} answered more than {policy.most_bytes} bytes.")
    elsewhere = HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST
    if connection.was_cut or (elsewhere and not tell_redirects):
        raise NoAnswerError(f"{host} did not answer by itself, or not in time.")
    said = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, said, content, url)


class _Pinned(http.client.HTTPConnection):
    """Speaks to the pinned addresses, in the name of the host: for the certificate and the Host header."""

    def __init__(self, host: str, port: int, addresses: Sequence[str], *, tls: bool, policy: Policy) -> None:
        super().__init__(host, port, timeout=policy.timeout_seconds)
        self.default_port = 443 if tls else 80
        self.addresses = addresses
        self.context = ssl.create_default_context() if tls else None
        if self.context is not None and policy.authorities:
            self.context.load_verify_locations(policy.authorities)
        self.deadline = time.monotonic() + policy.timeout_seconds
        self.was_cut = False

    def connect(self) -> None:
        """Connect to the first pinned address that takes the call; the name is not resolved again."""
        fault: OSError | None = None
        for address in self.addresses:
            left = self.deadline - time.monotonic()
            try:
                self.sock = socket.create_connection((address, self.port), max(left, 0.001))
            except OSError as problem:
                fault = problem
                continue
            if self.context is not None:
                # The handshake comes after the socket is known to `cut`: it too may take for ever.
                secured = self.context.wrap_socket(
                    self.sock, server_hostname=self.host, do_handshake_on_connect=False
                )
                self.sock = secured
                secured.do_handshake()
            return
        raise fault or OSError("no address")

    def cut(self) -> None:
        """End the call from outside, because its time is over."""
        self.was_cut = True
        if self.sock is not None:
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                self.sock.close()
