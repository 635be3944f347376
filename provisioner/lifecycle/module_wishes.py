"""From a tenant's choice, a release and what the modules demand of one another to the modules that are wished. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from controlplane.catalog.parameters import ModuleChoice, Parameters
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.sentences import choices, find_faults
from provisioner.modules.base import Module
from provisioner.modules.ordering import Objection, in_order, objections
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import with_defaults
from provisioner.modules.texts import is_one_line, texts_of_many_lines
from provisioner.modules.versions import parse_version
from provisioner.runtimes.spec import ModuleWish

FIELD = "parameters.modules"
IGNORED = "Ignore"  # of customResourcePolicy: the module's own custom resource is the tenant's to make


def module_wishes(
    *,
    parameters: Parameters,
    release: ReleaseFacts,
    channels: Mapping[str, ReleaseFacts],
    before: Mapping[str, Any] | None = None,
    keep_versions: bool = False,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    modules: Mapping[str, Module] | None = None,
) -> tuple[ModuleWish, ...]:
    """Return the wished modules in the order of their dependencies, mandatory ones included, whatever was chosen.

    `before` is the JSON of the cluster spec that this wish replaces: a module that stays keeps its settings, and with
    `keep_versions` (nothing moves but by an upgrade) its version too, unless it follows another channel now. `settings` replaces
    those of the modules that it names. Raises Refused: module_unknown, module_requires, module_conflict, module_cycle,
    module_not_in_release, settings_invalid; module_setting_unsafe for settings that are given now: what an older build let in,
    rendering judges.
    """
    known = all_modules() if modules is None else modules
    chosen = {choice.name: choice for choice in parameters.modules}
    for key, module in known.items():
        if module.mandatory:
            chosen.setdefault(key, ModuleChoice(key))
    old = {wish["key"]: ModuleWish(**wish) for wish in (before or {}).get("modules", ())}
    if found := objections(chosen, known):
        raise _refusal([_of_a_removal(one, old) for one in found], known)
    wishes = []
    for key in in_order(chosen, known):
        there = old.get(key)
        given = (settings or {}).get(key, there.settings if there else {})
        check_settings(known[key], given)
        if settings and key in settings:
            check_texts(known[key], given)
        wishes.append(
            _wish(chosen[key], known[key], given, release, channels, there if keep_versions else None)
        )
    return tuple(wishes)


def _wish(
    choice: ModuleChoice,
    module: Module,
    settings: Mapping[str, Any],
    release: ReleaseFacts,
    channels: Mapping[str, ReleaseFacts],
    kept: ModuleWish | None,
) -> ModuleWish:
    source = channels.get(choice.channel, release) if choice.channel else release
    if kept is not None and kept.channel == choice.channel:
        version, implementation = kept.version, kept.implementation
    else:
        version, implementation = version_in(source, module)
    return ModuleWish(
        key=module.key,
        version=version,
        implementation=implementation,
        settings=dict(settings),
        channel=choice.channel,
        own_resource=choice.custom_resource_policy != IGNORED,
    )


def version_in(release: ReleaseFacts, module: Module) -> tuple[str, str]:
    """Return a module's version and implementation in a release; raises Refused (module_not_in_release)."""
    found = release.modules.get(module.key)
    if found is None:
        detail = f"Release {release.key} has no module {module.key}; leave it out, or follow a channel whose release has it."
        raise Refused("module_not_in_release", detail, field=FIELD)
    return parse_version(found, module)


def check_settings(module: Module, settings: Mapping[str, Any]) -> None:
    """Raise Refused (settings_invalid) with every fault of a module's settings."""
    faults = find_faults(module.schema, with_defaults(module.schema, settings), root="settings")
    if faults:
        errors = [
            FieldError(".".join(["settings", *map(str, fault.path)]), fault.code, fault.detail)
            for fault in faults
        ]
        detail = f"Module {module.key}: " + " ".join(error.detail for error in errors[:5])
        raise Refused("settings_invalid", detail, errors=errors)


def check_texts(module: Module, settings: Mapping[str, Any]) -> None:
    """Raise Refused (module_setting_unsafe) with every text that no chart would be given: one of more than one line."""
    unsafe = [[one if is_one_line(one) else "…" for one in path] for path in texts_of_many_lines(settings)]
    if unsafe:
        errors = [
            FieldError(
                field := ".".join(["settings", *path]),
                "module_setting_unsafe",
                f"{field} holds line breaks or control characters; write it in one line.",
            )
            for path in unsafe
        ]
        detail = f"Module {module.key}: " + " ".join(error.detail for error in errors[:5])
        raise Refused("module_setting_unsafe", detail, errors=errors)


def _of_a_removal(one: Objection, there: Collection[str]) -> Objection:
    """Return what is missing in words for whoever takes it away, where that is what the wish does."""
    if one.needs not in there:
        return one
    detail = f"Module {one.module} needs {one.needs}; remove {one.module} first, or keep {one.needs}."
    return replace(one, detail=detail)


def _refusal(found: Sequence[Objection], modules: Mapping[str, Module]) -> Refused:
    first = found[0]
    hint = f" {choices(sorted(modules), first.module)}" if first.code == "module_unknown" else ""
    errors = [FieldError(FIELD, one.code, one.detail) for one in found]
    return Refused(first.code, " ".join(one.detail for one in found[:5]) + hint, errors=errors)
