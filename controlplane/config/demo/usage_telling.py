"""Tells the demo's past from beginning to end: newest days first, and after a kill from where it stood."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from billing.usage import closing
from billing.usage.backdating import STANDING, date_back
from billing.usage.slots import month_of, start_of
from controlplane.config.demo import usage_anomalies, usage_bill, usage_books, usage_money
from controlplane.config.demo.client import AnswerError, Client
from controlplane.config.demo.usage import DAYS, Story, closed_months, stories, windows
from controlplane.config.demo.usage_history import History, Told, give_past, roll_up
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.services import actor_of_token
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

_LOOK_SECONDS = 5.0  # those that get ready meanwhile are told of together: their hours are made once
_PATIENCE_SECONDS = 300.0
_SOON = {Phase.PENDING, Phase.PROVISIONING}


class Telling:
    """One telling; `note` remembers the day it counts back from and how far it came, `requested` when all runtimes are there."""

    def __init__(
        self,
        tenants: Mapping[str, Client],
        history: History,
        note: Path,
        requested: Callable[[], bool],
        say: Callable[[str], None],
    ) -> None:
        self._tenants = tenants
        self._history = history
        self._note = note
        self._requested = requested
        self._say = say
        known = _read(note)
        self._today = date.fromisoformat(known.get("today") or utcnow().date().isoformat())
        self._reached = int(known.get("windows") or 0)
        self._told: dict[Story, Told] = {}

    def run(self) -> None:
        """Tell everything; done when it returns."""
        usage_books.change_prices(self._note.parent, since=month_of(self._today))
        usage_money.agree(self._today)
        self._remember()
        pieces = list(windows(self._today))
        self._begin(pieces[0])
        for number, window in enumerate(pieces[1:], start=1):
            if number < self._reached:
                continue
            self._history.bring(self._told.values(), window)
            self._reached = number + 1
            self._remember()
            days = (start_of(self._today) - window[0]).days
            self._say(
                f"{days} of {DAYS} days of usage are there ({self._history.samples:,} samples since this start)"
            )
        self._finish()

    def _begin(self, newest: tuple[Any, Any]) -> None:
        """Date runtimes back as they become ready, and bring in their newest days at once."""
        deadline, waiting = time.monotonic() + _PATIENCE_SECONDS, list(stories(self._today))
        while waiting and time.monotonic() < deadline:
            all_there = self._requested()
            rows = _rows(waiting)
            ready = [story for story in waiting if (row := rows.get(story)) and row.phase in STANDING]
            fresh = [Told.of(story, rows[story]) for story in ready]
            for told in fresh:
                give_past(told)
                self._told[told.story] = told
            if fresh:
                self._history.bring(fresh, newest)
                self._say(f"{len(self._told)} runtimes have a past; their newest days are there")
            waiting = [
                story
                for story in waiting
                if story not in self._told
                and (not all_there or ((row := rows.get(story)) and row.phase in _SOON))
            ]
            if waiting:
                time.sleep(_LOOK_SECONDS)

    def _finish(self) -> None:
        retired = [told for story, told in self._told.items() if story.past.ended is not None]
        for told in retired:
            self._retire(told)
        self._end_lives()
        surged = sum(self._history.bring_surge(told) for told in self._told.values())
        closing.begin_again(min(story.past.since for story in stories(self._today)))
        closing.close_hours()
        roll_up()
        usage_money.seal(closed_months(self._today), self._say)
        late = sum(self._history.bring_late(told) for told in self._told.values())
        doubted = sum(self._history.contest(told) for told in self._told.values())
        usage_bill.bring_bills(self._today, self._note.parent / "bills", self._say)
        usage_money.draft_this_month(self._today)
        if (actor := actor_of_token(self._tenants[usage_money.BUDGETED].token)) is not None:
            usage_money.keep_budgets(self._today, actor)
        usage_anomalies.look_again(self._today)
        self._say(f"{surged} samples tell of a day out of the ordinary")
        self._say(f"{late} samples came after their month was sealed, {doubted} are in quarantine")

    def _retire(self, told: Told) -> None:
        """Delete it as its tenant would, and wait until it is gone."""
        client, path = self._tenants[told.story.tenant], f"/api/v1/runtimes/{told.runtime}"
        try:
            _body, tag = client.get_tagged(path)
            client.delete(path, tag=tag)
        except AnswerError as error:  # somebody was quicker: this is a demo to play with
            self._say(f"left {told.story.name} alone: {error}")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if Runtime.objects.filter(pk=told.runtime, deleted_at__isnull=False).exists():
                return
            time.sleep(_LOOK_SECONDS)

    def _end_lives(self) -> None:
        """Date back the end of those that are gone; found by name, for a kill may lie between."""
        for story in stories(self._today):
            if story.past.ended is None:
                continue
            rows = Runtime.objects.filter(
                tenant__slug=story.tenant, name=story.name, deleted_at__isnull=False
            )
            if (row := rows.order_by("-id").first()) is not None:
                date_back(actor=SYSTEM, runtime_id=row.pk, past=story.past)

    def _remember(self) -> None:
        beside = self._note.with_suffix(".new")
        beside.write_text(json.dumps({"today": self._today.isoformat(), "windows": self._reached}) + "\n")
        beside.replace(self._note)


def _rows(wanted: list[Story]) -> dict[Story, Runtime]:
    """Return the runtimes of stories, by name; the newest where a name came back."""
    found = Runtime.objects.select_related("tenant").order_by("id")
    rows = {(row.tenant.slug, row.name): row for row in found.filter(name__in={s.name for s in wanted})}
    return {story: rows[story.tenant, story.name] for story in wanted if (story.tenant, story.name) in rows}


def _read(note: Path) -> dict[str, Any]:
    try:
        known = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
