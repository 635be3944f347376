"""When which runtime is read: one visit a slot at a turn of its own, again until it succeeds or the slot is over. Pure."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from uuid import UUID

from billing.collecting.targets import Target

SPREAD = 0.8  # of the slot; the rest is for those that did not answer
FIRST_PAUSE_SECONDS = 5.0
LAST_START_SECONDS = 2.0  # before the slot's end nothing is begun any more
ASKED_A_SECOND = 200  # by all who wait for room together: each costs a tenth of a millisecond


@dataclass(slots=True)
class Visit:
    """A runtime's next reading; times in unix seconds, `slot` the first of its slot."""

    target: Target
    slot: int
    due: float
    attempts: int = 0


class Visits:
    """The visits to come, earliest first. Slots are whole multiples of `seconds`."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self._heap: list[tuple[float, int, Visit]] = []
        self._order = itertools.count()
        self._of: dict[UUID, Visit] = {}
        self._put_off: set[UUID] = set()  # for want of room or budget

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, runtime: UUID) -> bool:
        return runtime in self._of

    def slot_of(self, now: float) -> int:
        """Return the slot of a moment."""
        return int(now // self.seconds) * self.seconds

    def add(self, target: Target, now: float) -> None:
        """Begin to visit a runtime: at its turn, or when that is over, at the same turn of what is left of the slot.

        So neither a fleet found at a start nor a thousand runtimes that are new at once are read in one go; where nothing is
        left, the next slot is their first.
        """
        slot = self.slot_of(now)
        due = slot + target.turn * SPREAD * self.seconds
        if due < now:
            left = slot + self.seconds - now
            if left <= LAST_START_SECONDS:
                self._push(self._next(target, slot))
                return
            due = now + target.turn * min(left * SPREAD, left - LAST_START_SECONDS)
        self._push(Visit(target, slot, due))

    def skip(self, target: Target, now: float) -> None:
        """Begin to visit a runtime that somebody has read in this slot already."""
        self._push(self._next(target, self.slot_of(now)))

    def change(self, target: Target) -> None:
        """Learn something new of a runtime."""
        self._of[target.runtime].target = target

    def drop(self, runtime: UUID) -> None:
        """Stop visiting a runtime."""
        self._of.pop(runtime, None)
        self._put_off.discard(runtime)

    def holds(self, visit: Visit) -> bool:
        """Say whether a visit still counts: its runtime was not dropped since it began."""
        return self._of.get(visit.target.runtime) is visit

    def runtimes(self) -> set[UUID]:
        """Return whom we visit."""
        return set(self._of)

    def pop(self, now: float) -> Visit | None:
        """Return a visit that is due, or None."""
        while self._heap and self._heap[0][0] <= now:
            _, _, visit = heapq.heappop(self._heap)
            if self.holds(visit):
                return visit
        return None

    def rest(self, now: float) -> float:
        """Return the seconds until the next one is due; negative when that is late."""
        while self._heap and not self.holds(self._heap[0][2]):
            heapq.heappop(self._heap)
        return self._heap[0][0] - now if self._heap else float(self.seconds)

    def done(self, visit: Visit) -> None:
        """Plan the next slot's visit after one that succeeded."""
        if self.holds(visit):
            self._put_off.discard(visit.target.runtime)
            self._push(self._next(visit.target, visit.slot))

    def failed(self, visit: Visit, now: float, *, luck: float, after: float = 0.0) -> bool:
        """Plan another attempt in the slot, or the next slot's; says whether the slot is missed. `luck` in [0, 1) spreads.

        One that was not tried at all comes again `after` so many seconds, or later where many wait: thousands that ask each
        second whether there is room would take the processor from readers. All wait equally long, whoever came first, and at most
        a tenth of what is left of the slot.
        """
        runtime = visit.target.runtime
        if after:
            self._put_off.add(runtime)
            longest = max(after, (visit.slot + self.seconds - now) / 10)
            pause = min(max(after, len(self._put_off) / ASKED_A_SECOND), longest) * (1 + luck)
        else:
            pause = FIRST_PAUSE_SECONDS * 2.0**visit.attempts * (0.5 + luck)
            visit.attempts += 1
            self._put_off.discard(runtime)
        again = now + pause
        missed = again > visit.slot + self.seconds - LAST_START_SECONDS
        if not self.holds(visit):
            if runtime not in self._of:
                self._put_off.discard(runtime)
            return False
        if missed:
            self._put_off.discard(runtime)
            self._push(self._next(visit.target, visit.slot))
        else:
            visit.due = again
            self._push(visit)
        return missed

    def _next(self, target: Target, slot: int) -> Visit:
        following = slot + self.seconds
        return Visit(target, following, following + target.turn * SPREAD * self.seconds)

    def _push(self, visit: Visit) -> None:
        self._of[visit.target.runtime] = visit
        heapq.heappush(self._heap, (visit.due, next(self._order), visit))
