// The page: pick films, ask the API, show the answer. No build step and no dependencies; each module does one thing.
import "./results.js"; // first, so that the request is under way before the rest draws
import "./picker.js";
import "./people.js";
import "./choices.js";
import "./ratings.js";
import "./about.js";
import "./details.js";
import { $, nameDocument } from "./dom.js";
import { catalog } from "./catalog.js";
import { change, current, onChange } from "./state.js";

// Two tabs, "Films" and "Operator". The second one exists only where the server allows it, and its code is loaded when it opens.
const tabs = [$("tab-films"), $("tab-operator")];
let operator;

async function showTab() {
  const open = Number(current().tab === "operator");
  tabs.forEach((tab, index) => {
    tab.setAttribute("aria-selected", index === open);
    tab.tabIndex = index === open ? 0 : -1;
    $(tab.getAttribute("aria-controls")).hidden = index !== open;
  });
  if (open) nameDocument("Operator");
  else if (operator) nameDocument($("results-title").textContent);
  if (!open && !operator) return;
  try {
    operator ??= await import("./operator.js");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
  $("operator-trouble").hidden = Boolean(operator);
  if (!operator) return;
  if (current().tab === "operator") operator.watch();
  else operator.rest();
}

function openTab(index) {
  change({ tab: index ? "operator" : null });
  tabs[index].focus();
}

if (catalog.operator) {
  $("tabs").hidden = false;
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => openTab(index));
    tab.addEventListener("keydown", (event) => {
      if (event.key === "ArrowRight" || event.key === "ArrowLeft") openTab(1 - index);
    });
  });
  onChange(showTab);
  showTab();
}

if (catalog.posters) {
  $("tmdb").textContent = "this product uses the TMDB API but is not endorsed or certified by TMDB. "
    + "Posters are TMDB's, or drawn by this page where it has none.";
}

// Until here everything that depends on the catalogue was invisible, so that nothing jumps.
document.body.classList.remove("loading");
