"""The words of a notice: three templates per kind, found by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.template import Context, Engine
from django.template.exceptions import TemplateDoesNotExist

LONGEST_SUBJECT = 200
_KIND = re.compile(r"[a-z][a-z0-9_-]{1,47}")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+")


@dataclass(frozen=True)
class Letter:
    """A rendered message; the subject is one line."""

    subject: str
    text: str
    html: str


def render(kind: str, context: Mapping[str, Any]) -> Letter:
    """Return the words of a notice; raises TemplateDoesNotExist for an unknown kind."""
    plain, marked = _engine(autoescape=False), _engine(autoescape=True)
    subject = plain.get_template(f"mail/{kind}.subject.txt").render(Context(dict(context), autoescape=False))
    return Letter(
        subject=_BREAKS.sub(" ", subject).strip()[:LONGEST_SUBJECT],
        text=plain.get_template(f"mail/{kind}.txt").render(Context(dict(context), autoescape=False)).strip()
        + "\n",
        html=marked.get_template(f"mail/{kind}.html").render(Context(dict(context))),
    )


def is_known(kind: str) -> bool:
    """Whether there are words for this kind."""
    try:
        return bool(_KIND.fullmatch(kind)) and bool(
            _engine(autoescape=False).get_template(f"mail/{kind}.subject.txt")
        )
    except TemplateDoesNotExist:
        return False


@cache
def _engine(*, autoescape: bool) -> Engine:
    return Engine(dirs=settings.TEMPLATES[0]["DIRS"], autoescape=autoescape)
