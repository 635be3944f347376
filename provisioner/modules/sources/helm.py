"""Runs the program `helm`, which alone knows how charts are rendered: without a cluster, a home, plugins or a network."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_OUTPUT = 16 * 1024 * 1024  # bytes
_LONGEST_COMPLAINT = 400
GET_HELM = (
    "get Helm 3.14 or newer (`go install helm.sh/helm/v3/cmd/helm@latest`, or your distribution's package) for this process's "
    "machine or image, and name it in HELM_BINARY where it is not found by itself"
)


class HelmMissingError(Exception):
    """There is no such program here."""


class HelmInterruptedError(Exception):
    """Helm was begun and did not come to an end: out of time, killed, or not to be started; the next time it may."""


class HelmRefusedError(Exception):
    """Helm can't render this chart with these values; the message is its own, shortened."""


@dataclass(frozen=True)
class Helm:
    """One program and how long it may take; `binary` is a path, or a name that is looked for."""

    binary: str = "helm"
    timeout_seconds: float = 20.0

    def path(self) -> str:
        """Return where it is; raises HelmMissingError with how to get it."""
        found = shutil.which(self.binary)
        if found is None:
            raise HelmMissingError(
                f"Charts are rendered by Helm, and there is no {self.binary} here: {GET_HELM}."
            )
        return found

    def template(
        self, chart: bytes, *, name: str, namespace: str, values: Mapping[str, Any], kubernetes: str
    ) -> str:
        """Return what a packed chart renders to, definitions and hooks included.

        Raises HelmMissingError, HelmInterruptedError, HelmRefusedError.
        """
        program = self.path()
        with tempfile.TemporaryDirectory(prefix="nesoi-helm-") as folder:
            place = Path(folder)
            (place / "chart.tgz").write_bytes(chart)
            # As JSON, which is YAML that everybody reads alike: texts such as 1e3 or y stay texts.
            (place / "values.yaml").write_text(json.dumps(dict(values)))
            command = [program, "template", name, "chart.tgz", "--namespace", namespace]
            command += ["--values", "values.yaml", "--kube-version", kubernetes, "--include-crds"]
            return self._run(command, place)

    def _run(self, command: list[str], place: Path) -> str:
        output, complaints = place / "output", place / "complaints"
        with output.open("wb") as out, complaints.open("wb") as err:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=place,
                    env=_environment(place),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                )
            except OSError as error:
                raise HelmInterruptedError(f"Helm can't be started: {error}.") from error
            _bound(process.pid)
            try:
                status = process.wait(self.timeout_seconds)
            except subprocess.TimeoutExpired:
                said = f"Helm took longer than {self.timeout_seconds:g} seconds; render the chart by hand to see why."
                raise HelmInterruptedError(said) from None
            finally:  # whoever is interrupted here, by the end of a step's time too, leaves nothing at work
                if process.poll() is None:
                    process.kill()
                    process.wait()
        if output.stat().st_size >= MOST_OUTPUT:
            raise HelmRefusedError(f"The chart renders to {MOST_OUTPUT} bytes or more; split it.")
        if status < 0:
            raise HelmInterruptedError(f"Helm was ended by signal {-status}; look at this machine's memory.")
        if status != 0:
            said = complaints.read_text(errors="replace").strip().replace(str(place), "")
            raise HelmRefusedError(
                f"Helm refuses the chart: {said[-_LONGEST_COMPLAINT:] or f'status {status}'}"
            )
        return output.read_text(encoding="utf-8", errors="replace")


def _environment(place: Path) -> dict[str, str]:
    """Return what Helm is told: nothing of this process, so that no kubeconfig, plugin, repository or proxy of it counts."""
    home = str(place / "home")
    names = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HELM_PLUGINS", "TMPDIR")
    return {
        **dict.fromkeys(names, home),
        "KUBECONFIG": os.devnull,
        "PATH": os.defpath,
        "GOMEMLIMIT": "512MiB",
        "GOMAXPROCS": "2",
    }


def _bound(pid: int) -> None:
    """Let it write no more than it may; where the system can't be told so (macOS), time alone bounds it."""
    if hasattr(resource, "prlimit"):
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))
        except ProcessLookupError:
            return  # it is over already
