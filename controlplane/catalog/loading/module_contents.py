"""Keeps the bytes that versions of modules are made of, in the transaction of an apply: all that they need, and no more."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import IntegrityError
from django.db.models import QuerySet

from controlplane.catalog.loading.module_registry import chart_layer
from controlplane.catalog.models import Content
from controlplane.catalog.sourced import SourcedVersion
from controlplane.kernel.clock import utcnow

_RAISED = "23000"  # how our triggers refuse, in words that are meant for people


def keep(contents: Mapping[str, tuple[str, bytes]], versions: Sequence[SourcedVersion]) -> list[str]:
    """Store what was fetched, {digest: (origin, bytes)}; return a sentence for every version whose bytes are not there now.

    Under the lock of an apply: what was there when this one fetched may be gone, since another one dropped it meanwhile.
    """
    known = set(Content.objects.filter(digest__in=contents).values_list("digest", flat=True))
    now = utcnow()
    Content.objects.bulk_create(
        Content(digest=digest, content=content, origin=origin[:2048], fetched_at=now)
        for digest, (origin, content) in contents.items()
        if digest not in known
    )
    _link(versions)
    whole = whole_digests(versions)
    return [
        f"what module version {version.key} is made of ({version.digest}) was taken away while this ran, by another "
        "`catalog apply`; run it again, which fetches it."
        for version in versions
        if version.digest not in whole
    ]


def whole_digests(versions: Collection[SourcedVersion]) -> set[str]:
    """Return the digests of those versions that everything is stored of: a manifest without its chart does not count."""
    charts = dict(_named_by(versions).values_list("digest", "chart_id"))
    return {
        version.digest
        for version in versions
        if version.digest in charts and (charts[version.digest] or not version.is_in_registry)
    }


def drop_unnamed(versions: Collection[SourcedVersion]) -> None:
    """Delete what none of these versions is made of; after they are written, for until then the old ones name it."""
    kept = dict(_named_by(versions).values_list("digest", "chart_id"))
    Content.objects.exclude(digest__in={*kept, *kept.values()} - {None}).delete()


def _named_by(versions: Collection[SourcedVersion]) -> QuerySet[Content]:
    return Content.objects.filter(digest__in={version.digest for version in versions})


def _link(versions: Collection[SourcedVersion]) -> None:
    """Let manifests name their charts, where these are there."""
    in_registry = {version.digest: version for version in versions if version.is_in_registry}
    bare = Content.objects.filter(digest__in=in_registry, chart=None)
    for digest, content in bare.values_list("digest", "content"):
        layer = chart_layer(bytes(content), in_registry[digest].source["url"])
        if Content.objects.filter(pk=layer).exists():
            Content.objects.filter(pk=digest).update(chart=layer)


def refusal_of(error: IntegrityError) -> str:
    """Return in words what PostgreSQL refused of versions and releases; raises the error where it is about something else."""
    cause = error.__cause__
    told = getattr(cause, "diag", None)
    if getattr(told, "constraint_name", None) in (
        "catalog_moduleversion_has_its_content",
        "catalog_content_has_its_chart",
    ):
        return (
            "the bytes that a version of a module is made of are to stay while it is there, and were not; run `catalog apply` "
            "again, which fetches them."
        )
    if getattr(cause, "sqlstate", "") == _RAISED and told is not None:
        return f"{told.message_primary}."
    raise error
