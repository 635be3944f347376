"""The Django application of the trials' room."""

from django.apps import AppConfig


class Trials(AppConfig):
    """Sign-ups, trials, the waiting list and the rules against abuse."""

    name = "controlplane.trials"
    label = "trials"
