"""TLS sessions that are taken up again: between two slots a connection is closed, its handshake need not be made anew."""

from __future__ import annotations

import ssl
from typing import Any


class ResumingContext(ssl.SSLContext):
    """A client's context of one cluster, that remembers the session of its last connection.

    A server that does not know the session any more makes a whole handshake: nothing is lost by asking.
    """

    _newest: ssl.SSLObject | None = None
    _kept: ssl.SSLSession | None = None
    resumed = False  # whether the last connection that answered took a session up

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection with the session that is kept."""
        self._newest = super().wrap_bio(*args, **{"session": self._kept, **options})
        return self._newest

    def keep(self) -> None:
        """Keep the newest connection's session, once it has answered: with TLS 1.3 a ticket comes behind the handshake."""
        if self._newest is not None:
            self.resumed = bool(self._newest.session_reused)
            self._kept, self._newest = self._newest.session or self._kept, None
