"""What axe finds wrong with a page. It is told to keep to itself what is right, which is most of what it says and costs most."""

from __future__ import annotations

import json
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
UNFOLD = "document.querySelectorAll('details:not([data-menu])').forEach((part) => { part.open = true; })"
SCRIPT = Axe().axe_script
RUN = "axe.run(document, %s).then((found) => found.violations)"


def violations(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    """Return what is wrong by these rules, all that is folded away too."""
    page.evaluate(UNFOLD)
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(RUN % json.dumps({**rules, "resultTypes": ["violations"]}))
    return [f"{entry['id']}: {node['html'][:160]}" for entry in found for node in entry["nodes"]]
