"""One way into the runtime's own API for all the steps that a worker runs one behind the other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

from provisioner.runtimes.inside import ClusterApi

Open = Callable[[], AbstractContextManager[ClusterApi]]


@dataclass
class Visit:
    """Holds at most one open API, from the first step that needs it until the worker lets go of the operation.

    Minting a credential and shaking hands cost more than most of what steps do inside. The credential lives ten minutes and is
    in memory only; what a step raises closes the way in, for the connection may stand in the middle of an answer.
    """

    _ways: ExitStack = field(default_factory=ExitStack, repr=False)
    _api: ClusterApi | None = field(default=None, repr=False)

    @contextmanager
    def inside(self, open_api: Open) -> Iterator[ClusterApi]:
        """Lend the open API, or the one that this opens; raises what the driver makes of the body's exceptions."""
        if self._api is None:
            self._api = self._ways.enter_context(open_api())
        try:
            yield self._api
        except BaseException:
            ways = self._leave()
            if not ways.__exit__(*sys.exc_info()):
                raise

    def close(self) -> None:
        """Close what is open."""
        self._leave().close()

    def _leave(self) -> ExitStack:
        ways, self._ways, self._api = self._ways, ExitStack(), None
        return ways
