"""A TLS context from PEM texts, without leaving a key on a disk."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from provisioner.drivers.kube.kubeconfig import ApiAccess

_OPEN_FILES = Path("/proc/self/fd")
Context = TypeVar("Context", bound=ssl.SSLContext)


def ssl_context(access: ApiAccess) -> ssl.SSLContext:
    """Return a context of the usual kind; see `context_of`."""
    return context_of(access, ssl.SSLContext)


def context_of(access: ApiAccess, kind: type[Context]) -> Context:
    """Return a verifying client context, TLS 1.2 or newer; raises ssl.SSLError for unusable PEM texts.

    Without a CA of its own the system's are trusted. RFC 5280 strictness (Python 3.13's default) is off: CAs made by common
    Kubernetes installers lack an authority key identifier.
    """
    # Which asks for a certificate and holds it against the host's name.
    context = kind(ssl.PROTOCOL_TLS_CLIENT)
    if access.ca_pem:
        context.load_verify_locations(cadata=access.ca_pem)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if access.key_pem:
        with _passing_file(access.certificate_pem + "\n" + access.key_pem) as path:
            context.load_cert_chain(path)
    return context


@contextmanager
def _passing_file(text: str) -> Iterator[str]:
    """OpenSSL reads keys from files only: give it one in memory, or where there is none, one that is gone right after."""
    if hasattr(os, "memfd_create") and _OPEN_FILES.is_dir():  # Linux, where /proc is mounted
        descriptor = os.memfd_create("nesoi")
        try:
            with os.fdopen(os.dup(descriptor), "w") as file:
                file.write(text)
            yield str(_OPEN_FILES / str(descriptor))
        finally:
            os.close(descriptor)
        return
    descriptor, name = tempfile.mkstemp()  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        yield name
    finally:
        Path(name).unlink(missing_ok=True)
