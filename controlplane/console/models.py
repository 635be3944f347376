"""The rows of the console."""

from __future__ import annotations

from django.db import models

from controlplane.tenants.models import User


class Submission(models.Model):
    """A form that was sent once: the same form sent again is led to what the first one made."""

    token = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    location = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            # What is forgotten after a day is found by it.
            models.Index(fields=["user", "created_at"], name="submission_of_user"),
        ]

    def __str__(self) -> str:
        return str(self.token)
