// What the recommendations are based on: as chips that a click removes, as dials and filters, and as the steps that can be
// undone. A toast says what changed.
import { catalog, say } from "./catalog.js";
import { $, element, goToResults, replaceItems } from "./dom.js";
import { learn, nameOf } from "./films.js";
import { listed, onLists } from "./lists.js";
import { canUndo, change, current, isGroup, isRated, NO_FILTERS, onChange, put, startOver, undo, UNDONE } from "./state.js";
import { DIALS, SWITCHES, whole } from "./words.js";

// A dial that nobody touched uses the model's own setting.
const STANDARD = { diversity: catalog.diversity ?? 0, novelty: catalog.novelty ?? 0 };
const MIX_HELP = say`Each of the tastes among your films gets its share of the list.`;
const MIX_HELP_GROUP = say`Not while several people have films: the list is for all of your tastes already.`;
const TOAST_MS = 7000;
const years = { from: $("year-from"), to: $("year-to") };
const genres = { any: $("genres"), none: $("genres-none") };
let timer;

// Chips

function chip(kind, text, name, remove, sign = "") {
  return element("li", { class: kind }, element("button", { type: "button", "aria-label": `Remove ${name}`, onclick: remove },
    sign && element("i", {}, sign), text, element("span", { "aria-hidden": "true" }, "×")));
}

function film(kind, sign, prefix) {
  return (id) => chip(kind, nameOf(id), prefix + nameOf(id), () => put(null, id, `${nameOf(id)} removed.`), sign);
}

function genre(key, sign, prefix) {
  return (name, index) => chip(key, name, `${prefix} ${name}`,
    () => change({ [key]: current()[key].filter((other) => other !== name) }, `${prefix} ${name} removed.`), sign(index));
}

function year(key) {
  const value = current()[key];
  const input = element("input", {
    type: "number", inputmode: "numeric", min: "1870", max: "2100", value, "aria-label": say`Films ${key} the year`,
    onchange: () => {
      if (input.validity.valid && input.value) change({ [key]: Number(input.value) }, say`Films ${key} ${input.value}.`);
      else input.value = value;
    },
  });
  const made = chip("year", "", `${key} ${value}`, () => change({ [key]: null }, "Years widened."));
  made.prepend(element("label", {}, `${key} `, input));
  return made;
}

function dial(key) {
  const text = DIALS[key](current()[key]);
  return chip("dial", text, `${key}: ${text}`, () => change({ [key]: null }, `Standard ${key} again.`));
}

function switched(key) {
  const text = SWITCHES[key].toLowerCase();
  return chip("dial", text, text, () => change({ [key]: false }, `${SWITCHES[key]} no longer.`));
}

function showChips() {
  const state = current();
  const mine = say`Your ${whole(listed("seen").size)} films rated or seen`;
  const chips = [
    ...(isRated(state) ? [chip("like", mine, mine.toLowerCase(), () => change({ mine: false }, "Your ratings are kept, but not used."))] : []),
    ...state.likes.map(film("like", "", "liked ")), ...state.dislikes.map(film("dislike", "Less like", "less like ")),
    ...state.hidden.map(film("hidden", "Hidden", "hidden ")),
    ...state.any.map(genre("any", (index) => (index ? "or" : "only"), "only")), ...state.none.map(genre("none", () => "no", "no")),
    ...["from", "to"].filter((key) => state[key] !== null).map(year), ...Object.keys(DIALS).filter((key) => state[key] !== null).map(dial),
    ...Object.keys(SWITCHES).filter((key) => state[key] && !(key === "mix" && isGroup(state))).map(switched),
  ];
  replaceItems($("picked"), chips, document.activeElement.tagName === "INPUT" ? "input, button" : "button", $("search"));
  $("tools").hidden = !chips.length && !canUndo() && !state.people.length;
  $("undo").disabled = !canUndo();
}

// Dials and filters

for (const [key, group] of Object.entries(genres)) {
  group.append(...(catalog.genres ?? []).map((name) => element("label", {},
    element("input", { type: "checkbox", value: name, onchange: (event) => toggle(key, name, event.target.checked) }), name)));
  group.hidden = !catalog.genres?.length;
}

function toggle(key, name, on) {
  const without = (list) => current()[list].filter((genre) => genre !== name);
  const other = key === "any" ? "none" : "any";
  const words = `${key === "any" ? "Only" : "No"} ${name}${on ? "" : " no longer"}.`;
  change({ [key]: on ? [...without(key), name] : without(key), [other]: without(other) }, words);
}

for (const name of Object.keys(DIALS)) {
  $(name).addEventListener("input", (event) => change({ [name]: Number(event.target.value) }, "", name));
}
for (const [key, words] of Object.entries(SWITCHES)) {
  $(key).addEventListener("change", ({ target }) => change({ [key]: target.checked }, `${words}${target.checked ? "" : " no longer"}.`));
}
for (const [key, input] of Object.entries(years)) {
  input.addEventListener("change", ({ target: { value, validity } }) => {
    if (validity.valid) change({ [key]: value ? Number(value) : null }, value ? say`Films ${key} ${value}.` : "Years widened.");
  });
}
$("reset-dials").addEventListener("click", () => {
  change({ ...NO_FILTERS, diversity: null, novelty: null, mix: false, series: false }, "Dials and filters reset.");
});

function showDials() {
  const state = current();
  for (const [name, words] of Object.entries(DIALS)) {
    const text = state[name] === null ? "standard" : words(state[name]);
    if (document.activeElement !== $(name) || state[name] === null) $(name).value = state[name] ?? STANDARD[name];
    document.querySelector(`output[for=${name}]`).textContent = text;
    $(name).setAttribute("aria-valuetext", text);
  }
  const group = isGroup(state);
  for (const key of Object.keys(SWITCHES)) $(key).checked = state[key] && !(key === "mix" && group);
  $("mix").disabled = group;
  $("mix-help").textContent = group ? MIX_HELP_GROUP : MIX_HELP;
  for (const [key, input] of Object.entries(years)) input.value = state[key] ?? "";
  for (const [key, boxes] of Object.entries(genres)) {
    for (const input of boxes.querySelectorAll("input")) input.checked = state[key].includes(input.value);
  }
}

years.from.closest("fieldset").hidden = catalog.years?.length === 0;
if (catalog.years?.length) [years.from.placeholder, years.to.placeholder] = catalog.years;
$("dials").open = matchMedia("(min-width: 62rem)").matches;

async function show() {
  showChips();
  showDials();
  const { likes, dislikes, hidden } = current();
  if (await learn([...likes, ...dislikes, ...hidden])) showChips();
}

// Steps

export function toast(words, undoable = false) {
  $("toast-text").textContent = words;
  $("toast-undo").hidden = !undoable;
  $("toast").classList.add("shown");
  clearTimeout(timer);
  timer = setTimeout(hideToast, TOAST_MS);
}

function hideToast() {
  if ($("toast").matches(":hover, :focus-within")) timer = setTimeout(hideToast, TOAST_MS);
  else $("toast").classList.remove("shown");
}

$("toast-undo").addEventListener("click", () => { undo(); goToResults(); });
$("undo").addEventListener("click", undo);
$("start-over").addEventListener("click", () => { startOver(); $("search").focus(); });
$("copy-link").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("Link copied. It opens what you see now.");
  } catch { // the connection isn't secure, or the person refused
    toast("The address above is the link: copy it from there.");
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
  // In a field with text, the keys undo the typing.
  if (event.target.matches("input:not([type=range], [type=checkbox])") && event.target.value) return;
  event.preventDefault();
  if (event.shiftKey) history.forward();
  else undo();
});
onLists(showChips);
onChange((state, before, words) => {
  show();
  if (words) toast(words, canUndo() && words !== UNDONE);
});
show();
