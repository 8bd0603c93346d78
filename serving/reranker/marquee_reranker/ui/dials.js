// Dials and filters. Dials left alone use the model's own setting; each genre is wanted, unwanted, or neither.
import { element } from "/ui/element.js";
import { catalog } from "/ui/films.js";
import { together } from "/ui/group.js";
import { change, current, onChange } from "/ui/state.js";
import { DIALS, SWITCHES } from "/ui/words.js";

const TUNED = { diversity: catalog.diversity ?? 0, novelty: catalog.novelty ?? 0 };
const MIX_HELP = [
  "Each of the tastes among your films gets its share of the list.",
  "Not while several people have films: the list is for all of your tastes already.",
];
const box = document.getElementById("dials");
const form = box.querySelector("form");
const years = { from: document.getElementById("year-from"), to: document.getElementById("year-to") };
const groups = { any: document.getElementById("genres"), none: document.getElementById("genres-none") };
const other = { any: "none", none: "any" };

for (const [key, group] of Object.entries(groups)) {
  group.append(...(catalog.genres ?? []).map((name) => element("label", {},
    element("input", { type: "checkbox", value: name, onchange: (event) => toggle(key, name, event.target.checked) }), name)));
  group.hidden = !catalog.genres?.length;
}

function toggle(key, name, on) {
  const left = current()[key].filter((genre) => genre !== name);
  const words = `${key === "any" ? "Only" : "No"} ${name}${on ? "" : " no longer"}.`;
  change({ [key]: on ? [...left, name] : left, [other[key]]: current()[other[key]].filter((genre) => genre !== name) }, words);
}

for (const name of Object.keys(DIALS)) {
  document.getElementById(name).addEventListener("input", (event) => {
    const value = Number(event.target.value);
    change({ [name]: value }, "", name);
  });
}

for (const [key, words] of Object.entries(SWITCHES)) {
  document.getElementById(key).addEventListener("change", (event) => {
    change({ [key]: event.target.checked }, `${words}${event.target.checked ? "" : " no longer"}.`);
  });
}

for (const [key, input] of Object.entries(years)) {
  input.addEventListener("change", () => {
    if (input.validity.valid) change({ [key]: input.value ? Number(input.value) : null }, input.value ? `Films ${key} ${input.value}.` : "Years widened.");
  });
}

form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("reset-dials").addEventListener("click", () => {
  change({ any: [], none: [], from: null, to: null, diversity: null, novelty: null, mix: false, series: false }, "Dials and filters reset.");
});

function show() {
  const state = current();
  for (const [name, words] of Object.entries(DIALS)) {
    const input = document.getElementById(name);
    const text = state[name] === null ? "as tuned" : words(state[name]);
    if (document.activeElement !== input || state[name] === null) input.value = state[name] ?? TUNED[name];
    document.querySelector(`output[for=${name}]`).textContent = text;
    input.setAttribute("aria-valuetext", text);
  }
  const group = together(state);
  for (const key of Object.keys(SWITCHES)) document.getElementById(key).checked = state[key] && !(key === "mix" && group);
  document.getElementById("mix").disabled = group;
  document.getElementById("mix-help").textContent = MIX_HELP[Number(group)];
  for (const [key, input] of Object.entries(years)) input.value = state[key] ?? "";
  for (const [key, boxes] of Object.entries(groups)) {
    for (const input of boxes.querySelectorAll("input")) input.checked = state[key].includes(input.value);
  }
}

if (catalog.years?.length) [years.from.placeholder, years.to.placeholder] = catalog.years;
box.open = matchMedia("(min-width: 62rem)").matches;
onChange(show);
show();
