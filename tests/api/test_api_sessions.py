"""Sessions over the API: one's own by a token of one's own, a member's for admins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.identity.models import UserSession
from controlplane.tenants.access import Role, TokenScope
from controlplane.tenants.models import ApiToken, AuditEvent, Member
from controlplane.tenants.services import issue_token
from tests.api.asking import Asking, problem, read
from tests.world import PASSWORD, Person, World, member

pytestmark = pytest.mark.django_db


def sign_in(person: Person, times: int = 1) -> list[str]:
    """Sessions as browsers begin them; their ids, oldest first."""
    from django.test import Client

    for _ in range(times):
        answer = Client().post("/sign-in", {"username": person.user.username, "password": PASSWORD})
        assert answer.status_code == 302
    return [
        str(row)
        for row in UserSession.objects.filter(user=person.user).order_by("pk").values_list("pk", flat=True)
    ]


def own_token(
    person: Person, *, role: Role = Role.ADMIN, scopes: frozenset[TokenScope] | None = None
) -> Asking:
    """A token that the person made in the console."""
    maker = replace(person.actor, user_id=person.user.id)
    tenant = Member.objects.get(user=person.user).tenant
    _, token = issue_token(
        actor=maker, name=f"own-{role}", tenant=tenant, role=role, scopes=scopes or frozenset(TokenScope)
    )
    return Asking(token=token)


def test_one_s_own_are_listed_without_what_proves_them(world: World) -> None:
    ids = sign_in(world.alice, 2)
    sign_in(world.vera)
    response = own_token(world.alice).get("/sessions")
    assert [row["id"] for row in read(response)["results"]] == ids[::-1]
    digests = [bytes(row.digest).hex() for row in UserSession.objects.all()]
    assert not any(digest in response.content.decode() for digest in digests)


def test_pages_go_on(world: World) -> None:
    sign_in(world.alice, 3)
    asking = own_token(world.alice)
    first = read(asking.get("/sessions?limit=2"))
    assert len(first["results"]) == 2
    assert len(read(asking.get(first["next"]))["results"]) == 1


def test_one_is_ended_and_another_person_s_is_not_there(world: World) -> None:
    mine, other = sign_in(world.alice, 2), sign_in(world.vera)[0]
    asking = own_token(world.alice)
    assert read(asking.delete(f"/sessions/{mine[0]}"))["id"] == mine[0]
    assert problem(asking.delete(f"/sessions/{mine[0]}")) == (404, "session_not_found")
    assert problem(asking.delete(f"/sessions/{other}")) == (404, "session_not_found")
    assert problem(asking.delete("/sessions/x")) == (404, "session_not_found")
    assert [str(row.pk) for row in UserSession.objects.order_by("pk")] == [mine[1], other]
    assert AuditEvent.objects.filter(action="session.end", target_id=str(world.alice.user.id)).count() == 1


def test_all_are_ended_and_nobody_else_s(world: World) -> None:
    sign_in(world.alice, 2)
    sign_in(world.vera)
    assert read(own_token(world.alice).delete("/sessions")) == {"ended": 2}
    assert UserSession.objects.get().user == world.vera.user


@pytest.mark.parametrize("lesser", ["viewer", "scope", "nobody's", "demoted", "service account"])
def test_a_token_that_is_less_than_its_maker_is_no_person(world: World, lesser: str) -> None:
    sign_in(world.alice)
    if lesser == "viewer":
        asking = own_token(world.alice, role=Role.VIEWER)
    elif lesser == "scope":
        asking = own_token(world.alice, scopes=frozenset({TokenScope.READ, TokenScope.RUNTIMES}))
    elif lesser == "nobody's":
        asking = Asking(world.alice)
    else:
        asking = own_token(world.alice)
    if lesser == "demoted":
        Member.objects.filter(user=world.alice.user).update(role="developer")
    if lesser == "service account":
        from controlplane.tenants.access_models import ServiceAccount

        lisa = ServiceAccount.objects.create(tenant=world.archipel, name="lisa", role="admin", created_by="t")
        ApiToken.objects.filter(name="own-admin").update(service_account=lisa)
    for method, path in (
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
        ("DELETE", f"/sessions/{world.alice.user.id}"),
    ):
        assert problem(asking.ask(method, path, None, {})) == (403, "forbidden")
    assert UserSession.objects.count() == 1


def test_an_admin_signs_a_member_out(alice: Asking, world: World) -> None:
    ids = sign_in(world.vera, 2)
    path = f"/members/{world.vera.user.id}/sessions"
    assert [row["id"] for row in read(alice.get(path))["results"]] == ids[::-1]
    assert read(alice.delete(path)) == {"ended": 2}
    assert not UserSession.objects.exists()


def test_only_an_owner_signs_an_owner_out(alice: Asking, world: World) -> None:
    olga = member("olga", world.archipel, Role.OWNER)
    sign_in(olga)
    path = f"/members/{olga.user.id}/sessions"
    assert problem(alice.delete(path)) == (403, "forbidden")
    assert read(Asking(olga).delete(path)) == {"ended": 1}


def test_another_tenant_s_member_is_not_there(bob: Asking, world: World) -> None:
    sign_in(world.vera)
    path = f"/members/{world.vera.user.id}/sessions"
    assert problem(bob.get(path)) == problem(bob.delete(path)) == (404, "member_not_found")
    assert UserSession.objects.count() == 1
