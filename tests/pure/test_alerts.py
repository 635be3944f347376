"""Alerts ask for metrics that are there, and lead to a paragraph that says what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from redis import RedisError

from controlplane.config.limits import counting
from controlplane.config.limits.buckets import Limit, Verdict

DEPLOY = Path(settings.BASE_DIR) / "deploy"
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
]
SOURCES = ("controlplane", "provisioner", "billing")


def metrics_of_the_code() -> set[str]:
    """Names as /metrics tells them: a counter's ends in _total."""
    found: set[str] = set()
    for room in SOURCES:
        for file in (Path(settings.BASE_DIR) / room).rglob("*.py"):
            code = file.read_text()
            found |= set(re.findall(r'"(nesoi_[a-z_]+)"', code))
            found |= {f"{name}_total" for name in re.findall(r'Counter\(\s*"(nesoi_[a-z_]+)"', code)}
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_asks_for_metrics_that_are_there_and_says_what_to_do(rule: dict[str, object]) -> None:
    asked = set(re.findall(r"nesoi_[a-z_]+", str(rule["expr"])))
    assert asked
    assert asked <= metrics_of_the_code()
    annotations = rule["annotations"]
    assert isinstance(annotations, dict)
    file, _, anchor = str(annotations["runbook"]).partition("#")
    headings = re.findall(r"^## (.+)$", (DEPLOY.parent / file).read_text(), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}


class Dead:
    """A store that does not answer."""

    def take(self, keys: Sequence[str], limits: Sequence[Limit]) -> Verdict:
        """Raise as a connection does that is refused."""
        raise RedisError


def test_rate_limits_that_fail_open_raise_an_alarm_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any("nesoi_rate_limits_away" in rule["expr"] for rule in RULES)
    assert counting.Tolerant(Dead()).take(["a"], [Limit(1, 1)]) is None
    assert alarm() == ("nesoi_rate_limits_away", 1.0)
    later = time.monotonic() + counting.ALARM_SECONDS + 1
    monkeypatch.setattr("controlplane.config.limits.counting.time.monotonic", lambda: later)
    assert alarm() == ("nesoi_rate_limits_away", 0.0)


def alarm() -> tuple[str, float]:
    """What /metrics tells of it; other metrics there ask the database."""
    (metric,) = counting.AWAY.collect()
    return metric.name, metric.samples[0].value
