"""The tenants' pages of a platform admin, and rows whose buttons fit on a phone."""

from __future__ import annotations

import pytest

from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import create_user
from tests.browser.axe import violations
from tests.browser.conftest import Open
from tests.matrix import ways_in
from tests.signed_in import present
from tests.world import PASSWORD, Person, World

pytestmark = pytest.mark.django_db(transaction=True)

CUT_OFF = """() => [...document.querySelectorAll('.rows button, .rows a.button')].filter((button) => {
  const card = button.closest('.card').getBoundingClientRect();
  return button.getBoundingClientRect().right > card.right - 8;
}).map((button) => button.textContent.trim())"""


@pytest.fixture
def paula(world: World) -> None:
    user = create_user(actor=SYSTEM, username="paula", password=PASSWORD, platform_role=PlatformRole.ADMIN)
    world.paula = Person(user, "", SYSTEM)  # type: ignore[attr-defined] # whom open_page signs in


@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")]
)
@pytest.mark.usefixtures("paula")
def test_axe_finds_nothing_on_the_pages_of_tenants(
    world: World, open_page: Open, width: int, scheme: str
) -> None:
    present(world.archipel, world.shop)
    page = open_page("/fleet/tenants", user="paula", width=width, scheme=scheme)
    assert violations(page) == []
    page.get_by_role("link", name="Invite one for Archipel").click()
    page.get_by_role("heading", name="Invite an owner of Archipel").wait_for()
    assert violations(page) == []
    page.get_by_role("link", name="Archipel", exact=True).click()
    page.get_by_role("heading", name="Rename it").wait_for()
    assert violations(page) == []


@pytest.mark.usefixtures("paula")
def test_a_tenant_is_made_and_renamed_with_a_browser(open_page: Open) -> None:
    page = open_page("/fleet/tenants", user="paula", width=390)
    page.get_by_label("Name", exact=True).fill("Cobalt")
    page.get_by_label("Slug").fill("cobalt")
    page.get_by_label("E-mail address of its owner").fill("nora@example.org")
    page.get_by_role("button", name="Make the tenant").click()
    page.get_by_text("Cobalt is there").wait_for()
    page.get_by_role("link", name="Cobalt", exact=True).click()
    page.get_by_label("Name", exact=True).fill("Cobalt Works")
    page.get_by_role("button", name="Save the name").click()
    page.get_by_text("It is called Cobalt Works now.").wait_for()


@pytest.mark.usefixtures("paula")
def test_a_double_click_is_one_press(open_page: Open) -> None:
    page = open_page("/fleet/tenants", user="paula", width=1440)
    page.get_by_label("Name", exact=True).fill("Cobalt")
    page.get_by_label("Slug").fill("cobalt")
    page.get_by_label("E-mail address of its owner").fill("nora@example.org")
    with page.expect_request(lambda sent: sent.method == "POST") as first:
        page.get_by_role("button", name="Make the tenant").dblclick()
    page.get_by_text("Cobalt is there").wait_for()
    assert first.value.response().status == 302  # type: ignore[union-attr] # it was answered: the page above came of it
    assert Notice.objects.count() == 1


@pytest.mark.parametrize("path", ["/team/", "/tokens/", "/service-accounts/", "/broker/"])
def test_no_button_of_a_row_is_cut_off_on_a_phone(world: World, open_page: Open, path: str) -> None:
    ways_in(world)
    page = open_page(path, user="alice", width=390)
    assert page.locator(".rows button, .rows a.button").count() >= 1
    assert page.evaluate(CUT_OFF) == []
