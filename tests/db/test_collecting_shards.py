"""Copies give a shard only when it is read no more and all that they read of it is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import pytest
from django.db import connection

from billing.collecting.shards import Shards
from billing.collecting.targets import SHARDS

pytestmark = pytest.mark.django_db
T = TypeVar("T")
ALL = frozenset(range(SHARDS))


def _close() -> None:
    """Close this thread's connection."""
    connection.close()


class Copy:
    """A collector's shards, with a session of their own; what is `asked` before it gives is answered with `stored`."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.shards = Shards()
        self.asked, self.stored = 0, True

    def look(self) -> frozenset[int]:
        return self._do(lambda: self.shards.refresh(self._giving))

    def leave(self) -> None:
        self._do(self.shards.leave)
        self._do(_close)
        self.thread.shutdown()

    def _giving(self) -> bool:
        self.asked += 1
        return self.stored

    def _do(self, work: Callable[[], T]) -> T:
        return self.thread.submit(work).result(10)


@contextmanager
def two() -> Iterator[tuple[Copy, Copy]]:
    """The first has everything when the second comes."""
    with ExitStack() as rest:
        one, other = Copy(), Copy()
        rest.callback(one.leave)
        assert one.look() == ALL
        rest.callback(other.leave)
        assert other.look() == frozenset()
        yield one, other


def test_what_is_to_be_given_is_read_no_more_then_stored_then_given() -> None:
    with two() as (one, other):
        kept = one.look()
        assert (one.asked, frozenset() < kept < ALL) == (0, True)
        assert other.look() == frozenset(), "it is not given yet"
        one.stored = False
        assert one.look() == kept
        assert other.look() == frozenset(), "not all of it is stored"
        one.stored = True
        assert one.look() == kept
        assert other.look() == ALL - kept
        assert one.asked == 2
        one.look()
        assert one.asked == 2


def test_what_was_to_be_given_to_one_who_left_is_read_again_once_it_is_stored() -> None:
    with two() as (one, other):
        kept = one.look()
        other._do(other.shards.leave)
        one.stored = False
        assert one.look() == kept
        one.stored = True
        assert one.look() == ALL
        other.stored = True
        assert other.look() == frozenset()
        for _ in range(2):
            one.look()
        assert other.look() == ALL - kept, "each was locked once"
