"""The beat takes every entry of its schedule, and the workers know each task: one wrong entry stops all of them."""

from __future__ import annotations

from celery.beat import ScheduleEntry

from controlplane.config.celery import app


def test_the_beat_takes_every_entry_and_workers_know_its_task() -> None:
    app.loader.import_default_modules()
    assert app.conf.beat_schedule
    for name, entry in app.conf.beat_schedule.items():
        ScheduleEntry(name=name, app=app, **entry)  # refuses words that it does not know
        assert entry["task"] in app.tasks, name
