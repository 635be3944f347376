"""What axe finds wrong with a page. It is told to keep to itself what is right, which is most of what it says and costs most.

Contrast takes it longer than all else together, for every text by itself. So one text stands for all that bear the same colour
in the same size and weight before the same grounds; whatever is placed above others stands for itself.
"""

from __future__ import annotations

import json
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SHORT = {"resultTypes": ["violations"]}
RULES = {"runOnly": TAGS, "rules": {"color-contrast": {"enabled": False}}, **SHORT}
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}, **SHORT}
UNFOLD = "document.querySelectorAll('details:not([data-menu])').forEach((part) => { part.open = true; })"
SCRIPT = Axe().axe_script
RUN = "axe.run(document, %s).then((found) => found.violations)"
RUN_CONTRAST = """(() => {
  let alone = 0;
  const grounds = new Map();
  const behind = (part) => {
    if (!part) return "";
    if (!grounds.has(part)) {
      let own = ["absolute", "fixed", "sticky"].includes(getComputedStyle(part).position) ? `alone ${alone++}` : "";
      for (const which of [null, "::before", "::after"]) {
        const look = getComputedStyle(part, which);
        if (which && look.content === "none") continue;
        const shown = [look.backgroundColor, look.backgroundImage, look.opacity, look.filter, look.mixBlendMode];
        if (which || shown.join() !== "rgba(0, 0, 0, 0),none,1,none,normal") own += `${which} ${shown.join()}`;
      }
      grounds.set(part, own ? `${own} < ${behind(part.parentElement)}` : behind(part.parentElement));
    }
    return grounds.get(part);
  };
  const found = new Map();
  for (const part of document.querySelectorAll("body, body *")) {
    const writes = [...part.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (!(writes || part.matches("input, select, textarea")) || !part.checkVisibility()) continue;
    const look = getComputedStyle(part);
    const kind = [look.color, look.fontSize, look.fontWeight, look.textShadow, part.matches(":disabled"), behind(part)].join();
    if (!found.has(kind)) found.set(kind, part);
  }
  return found.size ? axe.run({ include: [...found.values()] }, %s).then((told) => told.violations) : [];
})()"""


def violations(page: Page, *, colours_only: bool = False) -> list[str]:
    """Return what is wrong, all that is folded away too; or what can't be read for its colours, which change with the look."""
    page.evaluate(UNFOLD)
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(RUN_CONTRAST % json.dumps(CONTRAST))
    if not colours_only:
        found += page.evaluate(RUN % json.dumps(RULES))
    return [f"{entry['id']}: {node['html'][:160]}" for entry in found for node in entry["nodes"]]
