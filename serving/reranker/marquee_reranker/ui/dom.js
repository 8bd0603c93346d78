// Finding and building elements. Text is never read as markup.
const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

// "on..." adds a listener, null leaves the attribute out.
function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
export const shape = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
export const icon = (name) => shape("svg", { class: "icon", "aria-hidden": "true" }, shape("use", { href: `#icon-${name}` }));

/** Names the page in the browser's tabs, history and bookmarks. */
export const nameDocument = (text) => { document.title = `${text} · Marquee`; };

/** Moves the focus to the list, and to its beginning where that is out of sight; the browser would go to its middle. */
export function goToResults() {
  $("results").focus({ preventScroll: true });
  const { top } = $("results").getBoundingClientRect();
  if (top < 0 || top > innerHeight / 2) $("results").scrollIntoView();
}

export const list = (texts) => element("ul", {}, ...texts.map((text) => element("li", {}, text)));

/** A table whose rows begin with a heading; an empty `head` makes one without column headings. */
export function table(caption, head, rows) {
  const columns = head.map((text) => (text ? element("th", { scope: "col" }, text) : element("td")));
  return element("table", {},
    caption ? element("caption", {}, caption) : "",
    head.length ? element("thead", {}, element("tr", {}, ...columns)) : "",
    element("tbody", {}, ...rows.map(([name, ...cells]) => element("tr", {},
      element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, ...[cell].flat()))))));
}

/** Replaces a list's items. If one of them had the focus, the control in its place gets it, for keyboard users. */
export function replaceItems(box, items, selector, fallback) {
  const old = [...box.children].findIndex((item) => item.contains(document.activeElement));
  box.replaceChildren(...items);
  if (old >= 0) (box.children[Math.min(old, items.length - 1)]?.querySelector(selector) ?? fallback).focus();
}
