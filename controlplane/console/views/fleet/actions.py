"""What can be pressed on a rollout's page; each asks first, and for a reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.console.fields.tree import Field
from controlplane.console.fleet_queries import MOST_COUNTED, chosen_targets
from controlplane.console.pages import page
from controlplane.console.presenters.previews import shown_of
from controlplane.console.presenters.rollouts import TARGETS
from controlplane.console.views.fleet.frame import Asked, ask, manager_of, reason_field
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor
from provisioner.rollouts import facts, services
from provisioner.rollouts.closing import ends_of
from provisioner.rollouts.gates.registry import gate_of
from provisioner.rollouts.models import Gate, Rollout
from provisioner.rollouts.permitted import the_rollout
from provisioner.rollouts.services import Choice
from provisioner.rollouts.states import RolloutState
from provisioner.rollouts.stopping import over_budget

R = RolloutState
LIVE_STATES = frozenset({R.RUNNING, R.PAUSED, R.HALTED})


@dataclass(frozen=True)
class Verb:
    """Something done to a whole rollout; `said` follows its name."""

    key: str
    title: str
    words: str
    icon: str
    states: frozenset[RolloutState]
    act: Callable[..., Rollout]
    said: str
    tone: str = ""
    reason: bool = True  # must be given

    def fits(self, rollout: Rollout) -> bool:
        """Whether it can be pressed as the rollout stands; what was closed need not be closed again."""
        return rollout.state in self.states and not (self.key == "close" and rollout.closed_at is not None)


VERBS: Mapping[str, Verb] = {
    verb.key: verb
    for verb in (
        Verb("start", "Start", "Members, plan and release are frozen as things stand now, and the first stage begins.",
             "play", frozenset({R.DRAFT}), services.start_rollout, "has started.", "primary", reason=False),
        Verb("pause", "Pause", "Nothing more begins; upgrades that run may end. Resume it when you know more.",
             "pause", frozenset({R.RUNNING, R.HALTED}), services.pause_rollout, "is paused."),
        Verb("resume", "Resume", "It goes on where it stopped.",
             "play", frozenset({R.PAUSED, R.HALTED}), services.resume_rollout, "goes on.", "primary", reason=False),
        Verb("discard", "Discard", "The draft is put away; nothing has begun, and nobody is left behind.",
             "x-circle", frozenset({R.DRAFT}), services.abort_rollout, "is discarded.", "danger"),
        Verb("close", "Close", "What runs may end; whoever has not begun is left behind with this reason, nothing joins, "
             "and it completes without a halt.",
             "archive-box", frozenset({R.RUNNING}), services.close_rollout, "is being closed."),
        Verb("abort", "Abort", "Nothing more begins, for good; upgrades that run may end, everybody else is left behind. "
             "What is upgraded stays upgraded.",
             "x-circle", LIVE_STATES, services.abort_rollout, "is being aborted.", "danger"),
    )
}  # fmt: skip
STEERS: Mapping[str, tuple[str, str, Callable[..., int], bool]] = {
    "retry": ("Retry", "They are tried again with the same release and plan, when their turn comes.",
              services.retry_targets, False),
    "skip": ("Skip", "They are left out of this rollout with your reason, and count as left behind.",
             services.skip_targets, True),
    "prioritise": ("Put in front", "They go before all others of their stage.", services.prioritise_targets, False),
}  # fmt: skip


@require_http_methods(["GET", "POST"])
@page
def control(request: ConsoleRequest, rollout_id: UUID, verb: str) -> HttpResponse:
    """Start, pause, resume, close or abort a rollout."""
    actor = manager_of(request)
    rollout, chosen = the_rollout(actor, rollout_id), VERBS.get(verb)
    if chosen is None:
        raise Refused("action_unknown", "There is no such action on a rollout.", status=404)
    fields = [] if verb == "start" else [reason_field(request, required=chosen.reason)]
    if verb == "resume" and rollout.state == R.HALTED:
        fields.append(_acceptance(request))

    drafted = verb == "start" and rollout.state == R.DRAFT
    again = drafted and "again" in request.POST
    back = reverse("console:fleet-rollout", args=[rollout_id])
    notes = _held_by(rollout) if verb == "resume" else []
    if verb in {"close", "abort"}:
        notes.append(ends_of(actor=actor, rollout_id=rollout_id).in_words())
    tone = "danger-solid" if chosen.tone == "danger" else "primary"
    asked = Asked(
        f"{chosen.title} {rollout.name}?",
        chosen.words,
        f"{chosen.title} the rollout",
        back,
        rollout.name,
        tone,
        notes,
        fields,
        extra="console/fleet/_kept_preview.html" if drafted else "",
        context=_seen(rollout) if drafted else {},
    )
    if again:
        return ask(request, asked, lambda: _previewed_again(actor, rollout), onward=request.path)
    return ask(request, asked, lambda: _carried_out(request, actor, rollout, chosen))


def _carried_out(request: ConsoleRequest, actor: Actor, rollout: Rollout, verb: Verb) -> str:
    given: dict[str, Any] = {} if verb.key == "start" else {"reason": request.POST.get("reason", "")}
    if verb.key == "resume":
        given["accept_failures"] = "accept_failures" in request.POST
    verb.act(actor=actor, rollout_id=rollout.pk, **given)
    return f"{rollout.name} {verb.said}"


def _previewed_again(actor: Actor, rollout: Rollout) -> str:
    services.preview_again(actor=actor, rollout_id=rollout.pk)
    return f"{rollout.name} was previewed as things stand now; nothing has begun."


def _held_by(rollout: Rollout) -> list[str]:
    """What holds it, and what would be said now where more failed since."""
    notes = [rollout.hold] if rollout.hold else []
    now = over_budget(facts.of(rollout.pk)) if rollout.state == R.HALTED else ""
    return [*notes, f"By now: {now}"] if now and now != rollout.hold else notes


def _acceptance(request: ConsoleRequest) -> Field:
    """Ask whether a rollout over its budget goes on in spite of it."""
    about = "The failures so far no longer count; without this, a rollout over its budget is refused."
    return Field(
        "switch",
        "accept_failures",
        "Accept the failures so far",
        about,
        value="accept_failures" in request.POST,
    )


def _seen(rollout: Rollout) -> dict[str, Any]:
    """What a draft would have done when somebody looked last."""
    kept = services.kept_preview(rollout)
    return {**shown_of(kept.preview), "previewed_at": kept.at} if kept else {}


@require_http_methods(["GET", "POST"])
@page
def gate(request: ConsoleRequest, rollout_id: UUID, gate_id: int, how: str) -> HttpResponse:
    """Approve a gate, or open it by force."""
    actor = manager_of(request)
    rollout = the_rollout(actor, rollout_id)
    row = Gate.objects.filter(pk=gate_id, stage__rollout=rollout_id).select_related("stage").first()
    if row is None or how not in {"approve", "open"}:
        raise Refused("gate_not_found", f"The rollout has no gate {gate_id}.", status=404)
    approves = how == "approve"

    def act() -> str:
        reason = request.POST.get("reason", "")
        if approves:
            services.approve_gate(actor=actor, rollout_id=rollout_id, gate_id=gate_id, note=reason.strip())
            return f"You approved the gate of stage {row.stage.name}."
        services.open_gate(actor=actor, rollout_id=rollout_id, gate_id=gate_id, reason=reason)
        return f"The gate of stage {row.stage.name} is open."

    words = (
        "You say that the rollout may go on; it does so once enough people have."
        if approves
        else "The gate opens whatever it says, and the rollout goes on at once."
    )
    title = f"{'Approve' if approves else 'Open by force:'} the gate of stage {row.stage.name}?"
    asked = Asked(
        title, words, "Approve it" if approves else "Open it by force", reverse("console:fleet-rollout", args=[rollout_id]),
        rollout.name, "primary" if approves else "danger-solid",
        [f"{gate_of(row.kind).title} {row.side} the stage: {row.reason or 'not asked yet'}."],
        [reason_field(request, required=not approves)],
    )  # fmt: skip
    return ask(request, asked, act)


@require_http_methods(["GET", "POST"])
@page
def steer(request: ConsoleRequest, rollout_id: UUID, verb: str) -> HttpResponse:
    """Show which targets are meant, then retry, skip or put them in front."""
    actor = manager_of(request)
    rollout, known = the_rollout(actor, rollout_id), STEERS.get(verb)
    if known is None:
        raise Refused("action_unknown", "There is no such action on targets.", status=404)
    title, words, service, must_say = known
    choice, hidden = _choice(request)
    asked = _steering(actor, rollout, choice, hidden)
    asked.title, asked.words = f"{title} {asked.title}?", words
    if hidden:
        asked.button = f"{title} {'them' if title != 'Put in front' else ''}".strip()
        asked.fields = [reason_field(request, required=must_say)]

    def act() -> str:
        count = service(
            actor=actor, rollout_id=rollout_id, choice=choice, reason=request.POST.get("reason", "")
        )
        one, many = {
            "retry": ("is tried again", "are tried again"),
            "skip": ("is skipped", "are skipped"),
            "prioritise": ("goes first", "go first"),
        }[verb]
        return f"1 runtime {one}." if count == 1 else f"{count} runtimes {many}."

    return ask(request, asked, act)


def _choice(request: ConsoleRequest) -> tuple[Choice, list[tuple[str, str]]]:
    """Which targets the address, or the form that repeats it, means."""
    given = request.POST if request.method == "POST" else request.GET
    named = {
        name: given.get(name, "").replace("\0", "")[:160] for name in ("signature", "state", "reason_code")
    }
    ids = [found for text in given.getlist("target") if (found := parse_uuid(text)) is not None]
    hidden = [(name, value) for name, value in named.items() if value] + [("target", str(one)) for one in ids]
    return Choice(target_ids=ids, **named), hidden


def _steering(actor: Actor, rollout: Rollout, choice: Choice, hidden: list[tuple[str, str]]) -> Asked:
    first, count = chosen_targets(actor, rollout.pk, choice) if hidden else ([], 0)
    told = f"{MOST_COUNTED} and more" if count > MOST_COUNTED else str(count)
    meant = f"{told} runtime{'' if count == 1 else 's'}" if hidden else "which runtimes"
    asked = Asked(
        meant, "", "", reverse("console:fleet-rollout", args=[rollout.pk]), rollout.name, hidden=hidden,
        extra="console/fleet/_meant.html",
    )  # fmt: skip
    asked.context = {
        "meant": [(one, TARGETS[one.state]) for one in first],
        "more": max(0, count - len(first)),
    }
    if not hidden:
        asked.notes = ["Nothing is chosen: go back, and tick the runtimes that you mean."]
    return asked
