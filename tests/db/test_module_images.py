"""An operator can list what nodes will pull, before they do."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from provisioner.modules import ports
from provisioner.modules.images import Images

pytestmark = pytest.mark.django_db


def printed(release: str) -> list[str]:
    out = StringIO()
    call_command("modules", "images", release, stdout=out)
    return out.getvalue().splitlines()


def test_a_releases_images_are_listed_with_whom_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "images", Images("mirror.example.net/nesoi"))
    lines = printed("2026.10.1")
    assert "mirror.example.net/nesoi/eventing/nats:2.12.1 (eventing)" in lines
    assert all(line.startswith("mirror.example.net/nesoi/") for line in lines)


def test_of_a_mirrored_image_its_origin_is_told() -> None:
    images = Images("x", {"registry.example.com": "m.example.net/up", "*": "m.example.net"})
    for image in ("registry.example.com/a/b:1", "other.example.com/c:2"):
        assert images.origin(images.mirrored(image)) == image
    assert images.origin("elsewhere.example.com/a:1") == ""


def test_of_a_release_that_is_not_there_the_others_are_named() -> None:
    with pytest.raises(CommandError, match=r"There is no release 2026\.10\.9"):
        printed("2026.10.9")
