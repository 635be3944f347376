"""The Celery application: it carries ids, PostgreSQL keeps the truth."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")

app = Celery("nesoi")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["provisioner.operations"])
