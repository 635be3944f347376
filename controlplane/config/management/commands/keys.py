"""`manage.py keys init|prepare|rotate|rewrap|status|drop`: the keys under which stored secrets are sealed."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.config.rewrapping import BATCH, keys_in_use, rewrap_all
from controlplane.kernel.errors import Fatal, Refused
from controlplane.sealing import current
from controlplane.sealing.keyfile import KeyFile
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM


class Command(BaseCommand):
    """Rotation without downtime: older keys open what they sealed until nothing is left under them."""

    help = "Make, rotate and inspect the keys under which stored secrets are sealed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("init", help="make the key file, unless it is there")
        verbs.add_parser(
            "prepare", help="add a key that does not seal yet; then bring the file to every host"
        )
        rotate = verbs.add_parser("rotate", help="seal with another key from now on")
        rotate.add_argument("--to", default="", help="a prepared key; without it a new one is made")
        rewrap = verbs.add_parser("rewrap", help="bring every stored value under the present key")
        rewrap.add_argument("--batch", type=int, default=BATCH)
        verbs.add_parser("status", help="say which keys are in use, and where")
        drop = verbs.add_parser("drop", help="forget a key that nothing is left under")
        drop.add_argument("key")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says."""
        try:
            getattr(self, f"_{options['verb']}")(options)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        except Fatal as fault:
            raise CommandError(str(fault)) from fault

    def _file(self) -> KeyFile:
        if settings.SEALING_KEEPER != "file":
            raise CommandError(
                f"The keys of {settings.SEALING_KEEPER} are not in a file: make a new one there, name it in "
                "SEALING_KMS_OLDER_KEY_IDS and restart every process; let it and the one in SEALING_KMS_KEY_ID change places and "
                "restart again; then run keys rewrap (deploy/settings.md)."
            )
        return KeyFile(settings.SEALING_KEY_FILE)

    def _init(self, options: dict[str, Any]) -> None:
        keys = self._file().create()
        self.stdout.write(
            f"{settings.SEALING_KEY_FILE} seals with {keys.active}. Keep a copy in a safe place."
        )

    def _prepare(self, options: dict[str, Any]) -> None:
        key = self._file().prepare()
        _audited("key.prepare", key)
        self.stdout.write(
            f"{key} is added. Bring the file to every host, then: manage.py keys rotate --to {key}"
        )

    def _rotate(self, options: dict[str, Any]) -> None:
        file = self._file()
        key = options["to"] or file.prepare()
        file.activate(key)
        _audited("key.rotate", key)
        self.stdout.write(
            f"{key} seals from now on. Older values still open; manage.py keys rewrap renews them."
        )

    def _rewrap(self, options: dict[str, Any]) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        present, last, failed = current().present_key(), {}, []
        for progress in rewrap_all(batch=options["batch"]):
            last[progress.column] = progress
            self.stdout.write(f"{progress.column}: {progress.seen} seen, {progress.rewrapped} rewrapped")
        for progress in last.values():
            failed += progress.failed
        _audited("key.rewrap", present, {one.column: one.rewrapped for one in last.values()})
        if failed:
            raise CommandError("These do not open and were left alone:\n" + "\n".join(failed))
        self.stdout.write(f"Everything is under {present}.")

    def _status(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"present: {current().present_key()}")
        for column, keys in keys_in_use().items():
            told = ", ".join(f"{key} {number}" for key, number in sorted(keys.items())) or "empty"
            self.stdout.write(f"{column}: {told}")

    def _drop(self, options: dict[str, Any]) -> None:
        used = [column for column, keys in keys_in_use().items() if keys[f"file:{options['key']}"]]
        if used:
            raise CommandError(
                f"{', '.join(used)} still need {options['key']}: run manage.py keys rewrap first."
            )
        self._file().drop(options["key"])
        _audited("key.drop", options["key"])
        self.stdout.write(f"{options['key']} is forgotten.")


def _audited(action: str, key: str, changes: dict[str, Any] | None = None) -> None:
    audit.record(action, actor=SYSTEM, tenant_id=None, target_type="key", target_id=key, changes=changes)
