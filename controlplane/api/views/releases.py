"""Releases and channels: read by everybody, published, withdrawn and pointed at by SREs."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.shapes.release import (
    CHANNEL,
    CHANNEL_CHANGE,
    CHANNEL_LIST,
    RELEASE,
    RELEASE_LIST,
    WITHDRAWAL,
    channel_json,
    release_json,
)
from controlplane.api.views.base import ApiView
from controlplane.catalog.facts import snapshot
from controlplane.catalog.releasing import (
    channel_named,
    point_channel,
    publish_release,
    release_for_actor,
    releases_for,
    withdraw_release,
)
from controlplane.tenants.addresses import base_of


class ReleaseList(ApiView):
    """Every release."""

    @contract(
        operation_id="list_releases",
        summary="List releases",
        of_no_tenant=True,
        tag="catalog",
        answers={200: RELEASE_LIST},
    )
    def get(self, request: Request) -> Response:
        """Return all of them, the newest first; drafts are shown to the platform's SREs only."""
        base, found = base_of(request), releases_for(actor_of(request))
        return Response({"results": [release_json(one, base=base) for one in found], "next": None})


class ReleaseDetail(ApiView):
    """One release."""

    @contract(
        operation_id="read_release",
        summary="Read a release",
        of_no_tenant=True,
        tag="catalog",
        answers={200: RELEASE},
        problems=(404,),
    )
    def get(self, request: Request, key: str) -> Response:
        """Return it, with its notes and known issues."""
        found = release_for_actor(actor_of(request), key)
        return Response(release_json(found, base=base_of(request)))


class ReleasePublish(ApiView):
    """Publish a draft."""

    @contract(
        operation_id="publish_release",
        summary="Publish a release",
        of_no_tenant=True,
        tag="catalog",
        answers={200: RELEASE},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        """Publish it; from now on it never changes, and a file that says something else is refused."""
        actor, base = actor_of(request), base_of(request)

        def act() -> Answer:
            return Answer(200, release_json(publish_release(actor=actor, key=key), base=base))

        return once(request, act)


class ReleaseWithdraw(ApiView):
    """Withdraw a release."""

    @contract(
        operation_id="withdraw_release",
        summary="Withdraw a release",
        of_no_tenant=True,
        tag="catalog",
        answers={200: RELEASE},
        body=WITHDRAWAL,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, key: str) -> HttpResponse:
        """Bring nobody to it any more; who runs it stays where it is."""
        actor, base, reason = actor_of(request), base_of(request), self.body(request)["reason"]

        def act() -> Answer:
            return Answer(200, release_json(withdraw_release(actor=actor, key=key, reason=reason), base=base))

        return once(request, act)


class ChannelList(ApiView):
    """Every channel."""

    @contract(
        operation_id="list_channels",
        summary="List channels",
        of_no_tenant=True,
        tag="catalog",
        answers={200: CHANNEL_LIST},
    )
    def get(self, request: Request) -> Response:
        """Return where each points."""
        base = base_of(request)
        found = sorted(snapshot().releases.items())
        return Response(
            {"results": [channel_json(key, one.key, base=base) for key, one in found], "next": None}
        )


class ChannelDetail(ApiView):
    """One channel."""

    @contract(
        operation_id="read_channel",
        summary="Read a channel",
        of_no_tenant=True,
        tag="catalog",
        answers={200: CHANNEL},
        problems=(404,),
    )
    def get(self, request: Request, key: str) -> Response:
        """Return where it points."""
        return Response(channel_json(key, channel_named(key).key, base=base_of(request)))

    @contract(
        operation_id="point_channel",
        summary="Point a channel at a release",
        of_no_tenant=True,
        tag="catalog",
        answers={200: CHANNEL},
        body=CHANNEL_CHANGE,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def patch(self, request: Request, key: str) -> HttpResponse:
        """Let new runtimes and coming rollouts find another release there; nobody is upgraded by this alone."""
        actor, base, release = actor_of(request), base_of(request), self.body(request)["release"]

        def act() -> Answer:
            found = point_channel(actor=actor, key=key, release=release)
            return Answer(200, channel_json(key, found.key, base=base))

        return once(request, act)
