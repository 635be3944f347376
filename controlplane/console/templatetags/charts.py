"""What a page with charts puts once, and how its numbers are written."""

from __future__ import annotations

from decimal import Decimal

from django import template

from controlplane.console.charts import Drawing, patterns
from controlplane.console.presenters.figures import rounded

register = template.Library()


@register.simple_tag
def chart_patterns() -> Drawing:
    """The patterns that tell a chart's tones apart without colours."""
    return patterns()


@register.filter
def figure(value: Decimal | int, places: int = 2) -> str:
    """A number with so many places, as the charts write it."""
    return rounded(value, places)
