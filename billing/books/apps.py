"""The Django application of the price books."""

from django.apps import AppConfig


class Books(AppConfig):
    """Price books, contracts, exchange rates, credits and commitments."""

    name = "billing.books"
    label = "books"
