// Two tabs, "Films" and "Operator"; the second only where the server shows its inner things, and loaded when opened.
import { element } from "/ui/element.js";
import { catalog } from "/ui/films.js";
import { change, current, onChange } from "/ui/state.js";

const bar = document.getElementById("tabs");
const tabs = [...bar.querySelectorAll("[role=tab]")];
const panels = tabs.map((tab) => document.getElementById(tab.getAttribute("aria-controls")));
const names = [null, "operator"];

async function show() {
  const open = catalog.operator && current().tab === "operator" ? 1 : 0;
  tabs.forEach((tab, index) => {
    tab.setAttribute("aria-selected", String(index === open));
    tab.tabIndex = index === open ? 0 : -1;
    panels[index].hidden = index !== open;
  });
  if (!open && !show.loaded) return;
  try {
    const { watch, rest } = await import("/ui/operator.js");
    if (!show.loaded) panels[1].replaceChildren();
    show.loaded = true;
    if (catalog.operator && current().tab === "operator") watch();
    else rest();
  } catch (error) {
    if (!(error instanceof TypeError) || show.loaded) throw error;
    panels[1].replaceChildren(element("p", { role: "alert" }, "The server can't be reached just now. Open this tab again when it is back."));
  }
}

function go(index) {
  change({ tab: names[index] });
  tabs[index].focus();
}

if (catalog.operator) {
  bar.hidden = false;
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => go(index));
    tab.addEventListener("keydown", (event) => {
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") go(1 - index);
    });
  });
  onChange(show);
  show();
}
