"""Runs the program `helm`, which alone knows how charts are rendered: without a cluster, a home, plugins or a network."""

from __future__ import annotations

import json
import math
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioner.modules.sources.faults import in_one_line

MOST_OUTPUT = 16 * 1024 * 1024  # bytes
MOST_MEMORY = 1024 * 1024 * 1024  # bytes; twice what GOMEMLIMIT asks it to keep to
_MOST_COMPLAINTS = 256 * 1024  # bytes that are read of them
_LONGEST_COMPLAINT = 400
_GLANCE_SECONDS = 0.25
# Go's own words for an end of memory.
_STARVED = re.compile(
    r"^(fatal error|runtime): .*(out of memory|cannot allocate|cannot map|new OS thread)", re.M
)
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
        found = shutil.which(self.binary)  # relative to where we are; it runs elsewhere
        if found is None:
            raise HelmMissingError(
                f"Charts are rendered by Helm, and there is no {self.binary} here: {GET_HELM}."
            )
        return str(Path(found).absolute())

    def template(
        self, chart: bytes, *, name: str, namespace: str, values: Mapping[str, Any], kubernetes: str
    ) -> str:
        """Return what a packed chart renders to, definitions and hooks included.

        Raises HelmMissingError, HelmInterruptedError, HelmRefusedError.
        """
        program = self.path()
        try:
            with tempfile.TemporaryDirectory(prefix="nesoi-helm-") as folder:
                place = Path(folder)
                (place / "chart.tgz").write_bytes(chart)
                # As JSON, which is YAML that everybody reads alike: texts such as 1e3 or y stay texts.
                (place / "values.yaml").write_text(json.dumps(dict(values)))
                command = [program, "template", name, "chart.tgz", "--namespace", namespace]
                command += ["--values", "values.yaml", "--kube-version", kubernetes, "--include-crds"]
                return self._run(command, place)
        except OSError as error:  # no room, no rights, no such program any more
            raise HelmInterruptedError(f"Helm can't be started: {error}.") from error

    def _run(self, command: list[str], place: Path) -> str:
        output, complaints = place / "output", place / "complaints"
        with output.open("wb") as out, complaints.open("wb") as err:
            process = subprocess.Popen(
                command, cwd=place, env=_environment(place), stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            try:
                _bound(process.pid, self.timeout_seconds)
                self._wait(process, (output, complaints))
            finally:  # whoever is interrupted here, by the end of a step's time too, leaves nothing at work
                if process.poll() is None:
                    process.kill()
                    process.wait()
        said = _read(complaints, _MOST_COMPLAINTS).replace(str(place), "")
        if output.stat().st_size >= MOST_OUTPUT:
            raise HelmRefusedError(f"The chart renders to {MOST_OUTPUT} bytes or more; split it.")
        if process.returncode != 0 and _STARVED.search(said):
            raise HelmRefusedError(f"The chart takes more than {MOST_MEMORY} bytes to render; split it.")
        if process.returncode < 0:
            signal = -process.returncode
            raise HelmInterruptedError(
                f"Helm was ended by signal {signal}; look at this machine's memory and load."
            )
        if process.returncode != 0:
            told = in_one_line(said.strip()[-_LONGEST_COMPLAINT:])
            raise HelmRefusedError(f"Helm refuses the chart: {told or f'status {process.returncode}'}")
        return _read(output, MOST_OUTPUT)

    def _wait(self, process: subprocess.Popen[bytes], written: Sequence[Path]) -> None:
        """Wait for its end, or until it takes too long or writes too much, where the system doesn't see to that."""
        deadline = time.monotonic() + self.timeout_seconds
        while True:
            left = deadline - time.monotonic()
            try:
                process.wait(min(_GLANCE_SECONDS, max(left, 0.0)))
            except subprocess.TimeoutExpired:
                if any(one.stat().st_size >= MOST_OUTPUT for one in written):
                    return
                if left <= 0:
                    said = f"Helm took longer than {self.timeout_seconds:g} seconds; render the chart by hand to see why."
                    raise HelmInterruptedError(said) from None
            else:
                return


def _read(file: Path, most: int) -> str:
    with file.open("rb") as stream:
        return stream.read(most).decode("utf-8", errors="replace")


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


def _bound(pid: int, seconds: float) -> None:
    """Tell the system how much it may write, hold and compute, so that it ends even if this process is killed.

    Where the system can't be told so (macOS), `_wait` alone bounds it.
    """
    if not hasattr(resource, "prlimit"):
        return
    bounds = {
        resource.RLIMIT_FSIZE: MOST_OUTPUT,
        # Go reserves 2 GiB of addresses for the smallest chart; what it writes to is counted here.
        resource.RLIMIT_DATA: MOST_MEMORY,
        resource.RLIMIT_AS: 4 * MOST_MEMORY,
        resource.RLIMIT_CPU: 2 * math.ceil(seconds) + 1,  # on two processors, as GOMAXPROCS says
    }
    for kind, most in bounds.items():
        try:
            hard = resource.prlimit(pid, kind)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.prlimit(pid, kind, (bound, bound))
        except ProcessLookupError:
            return  # it is over already
