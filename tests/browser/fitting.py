"""What does not fit: a page wider than its window, and words or controls of which an edge takes a part where nothing scrolls.

The edge may be the window's or that of a card: what runs out of one that hides its overflow makes no page wider.
"""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize

from tests.browser.axe import UNFOLD

WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=900)
TOO_WIDE = "document.documentElement.scrollWidth - innerWidth"
CUT_OFF = """(() => {
  const found = [], main = document.querySelector("main");
  const edges = (part) => {
    let [left, right] = [-Infinity, Infinity];
    for (let over = part; over; over = over.parentElement) {
      const look = getComputedStyle(over);
      if (look.textOverflow === "ellipsis" || look.clipPath !== "none") return [-Infinity, Infinity];
      if (["auto", "scroll"].includes(look.overflowX)) return [left, right];
      if (!["hidden", "clip"].includes(look.overflowX)) continue;
      const box = over.getBoundingClientRect();
      [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
    }
    return [Math.max(left, 0), Math.min(right, innerWidth)];
  };
  const look = (name, part, box) => {
    const [left, right] = box.width ? edges(part) : [-Infinity, Infinity];
    if (box.left < left - 1 || box.right > right + 1) found.push(`cut off: ${name.trim().slice(0, 80)}`);
  };
  const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    look(node.data, node.parentElement, range.getBoundingClientRect());
  }
  for (const part of main.querySelectorAll("input, select, textarea, button")) {
    if (part.checkVisibility()) look(`${part.localName} ${part.name}`, part, part.getBoundingClientRect());
  }
  return found;
})()"""
# What is chosen in a list that is not wide enough for it.
CUT_CHOICES = """(() => {
  const found = [];
  for (const list of document.querySelectorAll("main select")) {
    if (!list.checkVisibility() || !list.selectedOptions.length) continue;
    const alone = list.cloneNode(false);  // as wide as what is chosen needs it
    alone.append(list.selectedOptions[0].cloneNode(true));
    Object.assign(alone.style, { position: "absolute", width: "max-content", maxWidth: "none", minWidth: "0" });
    list.after(alone);
    if (alone.offsetWidth > list.offsetWidth + 1) found.push(`cut off in its list: ${alone.value}`);
    alone.remove();
  }
  return found;
})()"""


def faults(page: Page) -> list[str]:
    """Return what does not fit the window as it is now, folded parts opened."""
    page.evaluate(UNFOLD)
    over = page.evaluate(TOO_WIDE)
    return [*([f"{over} pixels too wide"] if over > 0 else []), *page.evaluate(CUT_OFF)]


def faults_at_both(page: Page, *, choices: bool = False) -> list[str]:
    """Return what does not fit a desk's window or a phone's; it is a phone's afterwards. With `choices` those of lists too."""
    found = []
    for name, size in (("on a desk", WIDE), ("on a phone", NARROW)):
        page.set_viewport_size(size)
        found += [f"{name}: {fault}" for fault in faults(page)]
        found += [f"{name}: {fault}" for fault in page.evaluate(CUT_CHOICES)] if choices else []
    return found
