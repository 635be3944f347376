"""The Django application of the notices' room."""

from django.apps import AppConfig


class Notices(AppConfig):
    """The outbox and the demo's mailbox."""

    name = "controlplane.notices"
    label = "notices"
