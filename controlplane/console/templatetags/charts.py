"""What a page with charts puts once."""

from __future__ import annotations

from django import template

from controlplane.console.charts import Drawing, patterns

register = template.Library()


@register.simple_tag
def chart_patterns() -> Drawing:
    """The patterns that tell a chart's tones apart without colours."""
    return patterns()
