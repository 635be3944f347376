"""Icons, badges and moments in the console's templates."""

from __future__ import annotations

from datetime import datetime
from functools import cache

import heroicons
from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from controlplane.console.presenters import badges, durations
from controlplane.console.presenters.plans_in_words import within
from controlplane.kernel.clock import rfc3339, utcnow

register = template.Library()


@register.simple_tag
@cache
def icon(name: str, css: str = "") -> SafeString:
    """A small decorative icon; the words beside it carry the meaning. Only our own templates say which, so they are few."""
    classes = f"icon {css}".strip()
    # The icons come from a package and the attributes from our own templates.
    return mark_safe(  # noqa: S308
        heroicons._render_icon("mini", name, 20, {"class": classes, "aria_hidden": "true"})  # noqa: SLF001
    )


def _badge(badge: badges.Badge) -> SafeString:
    turning = "turning" if badge.icon == "arrow-path" else ""
    return format_html(
        '<span class="badge {}">{}<span>{}</span></span>', badge.tone, icon(badge.icon, turning), badge.text
    )


@register.simple_tag
def badge(shown: badges.Badge) -> SafeString:
    """Any badge."""
    return _badge(shown)


@register.simple_tag
def phase_badge(phase: str) -> SafeString:
    """A runtime's phase."""
    return _badge(badges.PHASES[phase])


@register.simple_tag
def state_badge(state: str) -> SafeString:
    """An operation's state."""
    return _badge(badges.STATES[state])


@register.simple_tag
def moment(value: datetime | None) -> SafeString:
    """A moment: how long ago in words, the exact time in its title and for machines."""
    if value is None:
        return mark_safe('<span class="quiet">never</span>')
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        rfc3339(value),
        value.strftime("%d %b %Y, %H:%M:%S"),
        durations.ago(value, utcnow()),
    )


@register.simple_tag
def clock(value: datetime | None) -> SafeString:
    """A moment to the second, in UTC."""
    if value is None:
        return mark_safe("")
    return format_html(
        '<time datetime="{}">{} UTC</time>', rfc3339(value), value.strftime("%d %b %Y, %H:%M:%S")
    )


@register.filter
def duration(value: object) -> str:
    """A length of time, given in seconds or as a timedelta, in words."""
    return durations.in_words(value)  # type: ignore[arg-type]


@register.filter
def kind_title(kind: str) -> str:
    """What an operation does, in words."""
    return badges.KINDS.get(kind, kind)


@register.simple_tag(takes_context=True)
def nav(context: template.Context, name: str, title: str, *parts: str) -> SafeString:
    """A link of the main navigation, marked where the person is: on the page itself, or on one whose name holds a part."""
    match = getattr(context.get("request"), "resolver_match", None)
    here = getattr(match, "url_name", None) or ""
    inside = any(here == part or part in here.split("-") for part in parts)
    inside = inside and here.startswith("fleet-") == name.startswith("fleet-")
    current = "page" if here == name else "true" if inside else ""
    marked = format_html(' aria-current="{}"', current) if current else ""
    return format_html('<a href="{}"{}>{}</a>', reverse(f"console:{name}"), marked, title)


register.filter("within", within)


@register.filter
def sentence(words: str) -> str:
    """The words as one sentence: with a capital first, and one full stop at the end whether they bring one or not."""
    return (
        words[:1].upper()
        + words[1:].rstrip().rstrip(".")
        + ("" if words.rstrip().endswith(("!", "?", "…")) else ".")
    )


@register.filter
def spaced(words: str) -> str:
    """Words that a comma joins, with a blank behind each."""
    return words.replace(",", ", ")
