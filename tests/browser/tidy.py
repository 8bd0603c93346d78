"""What holds of all that the page shows: nothing sticks out, covers anything or is too small; axe finds no fault."""

import pytest

# Controls that can be seen, with the part of each that no scrolling box cuts off. A toast and an open list of
# suggestions lie above the page by intention; a check box of a genre lies within its label, which stands for it.
UNTIDY = """() => {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`sideways: ${root.scrollWidth} px in ${root.clientWidth}`);
  const text = (it) => it.id || it.getAttribute("aria-label") || it.textContent.trim().slice(0, 30);
  const name = (it) => `${it.tagName.toLowerCase()} ${text(it)}`;
  const cut = (a, b) => ({
    left: Math.max(a.left, b.left), top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right), bottom: Math.min(a.bottom, b.bottom),
  });
  const there = ({ left, top, right, bottom }) => right - left > 1 && bottom - top > 1;
  const seen = (it) => {
    let part = it.getBoundingClientRect();
    for (let box = it.parentElement; box && box !== document.body; box = box.parentElement) {
      if (getComputedStyle(box).overflow !== "visible") part = cut(part, box.getBoundingClientRect());
    }
    return part;
  };
  const boxes = [...document.querySelectorAll("button, input, a, summary, textarea, .genres label")]
    .filter((it) => it.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((it) => !it.matches(".skip, .genres input") && !it.closest("#toast, #suggestions"))
    .map((it) => [it, seen(it)]).filter(([, part]) => there(part));
  boxes.forEach(([it, part], index) => {
    const { width, height } = it.getBoundingClientRect();
    // WCAG 2.2, 2.5.8: 24 by 24, but for links within a line of text.
    const small = Math.min(width, height) < 23.5 && !it.closest("footer");
    if (small) found.push(`small: ${name(it)}, ${width} by ${height} px`);
    for (const [other, otherPart] of boxes.slice(index + 1)) {
      const within = it.contains(other) || other.contains(it);
      if (!within && there(cut(part, otherPart))) found.push(`overlap: ${name(it)} and ${name(other)}`);
    }
  });
  return found;
}"""

MOVING = """(longest) => {
  const ms = (time) => parseFloat(time) * (time.trim().endsWith("ms") ? 1 : 1000);
  const long = (times) => times.split(",").some((time) => ms(time) > longest);
  const moves = (style) => long(style.transitionDuration) || style.scrollBehavior === "smooth"
    || (style.animationName !== "none" && long(style.animationDuration));
  const parts = [null, "::before", "::after", "::backdrop"];
  return [...document.querySelectorAll("*")].flatMap((it) => parts
    .filter((part) => moves(getComputedStyle(it, part))).map((part) => `${it.tagName}.${it.className}${part ?? ""}`));
}"""
LONGEST_MS = 1
WATCH_CSP = """window.violations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
  window.violations.push(`${violatedDirective} ${blockedURI}`);
});"""


def assert_tidy(page):
    """No sideways scrolling, no control over another, none too small to hit, no breach of the content policy."""
    assert page.evaluate(UNTIDY) == []
    assert page.evaluate("window.violations ?? ['not watched']") == []


def moving(page):
    """Elements that would move or fade for longer than a millisecond."""
    return page.evaluate(MOVING, LONGEST_MS)


def assert_accessible(page, state=""):
    """axe finds nothing serious. The page's context needs bypass_csp, since axe is put into the page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]  # in half the time of all
    serious = [issue for issue in found if issue["impact"] in {"serious", "critical"}]
    assert [f"{issue['id']}: {node['target']}" for issue in serious for node in issue["nodes"]] == [], state
