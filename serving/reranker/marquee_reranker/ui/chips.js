// Everything that the recommendations go by, as chips: films liked, disliked and hidden, genres, years, dials. Each is
// removed by a click; years are changed in place.
import { element } from "/ui/element.js";
import { learn, nameOf } from "/ui/films.js";
import { together } from "/ui/group.js";
import { canUndo, change, current, drop, onChange, startOver, undo } from "/ui/state.js";
import { DIALS, SWITCHES } from "/ui/words.js";

const list = document.getElementById("picked");
const tools = document.getElementById("tools");
const undoButton = document.getElementById("undo");
const search = document.getElementById("search");

function removable(kind, text, name, remove, sign = "") {
  return element("li", { class: kind }, element("button", {
    type: "button", "aria-label": `Remove ${name}`,
    onclick: (event) => { const at = position(event.currentTarget); remove(); refocus(at); },
  }, sign && element("i", { "aria-hidden": "true" }, sign), text, element("span", { "aria-hidden": "true" }, "×")));
}

const buttons = () => [...list.querySelectorAll("button")];
const position = (button) => buttons().indexOf(button);

// The focused chip is gone: stay near, for those who use the keyboard.
function refocus(at) {
  const left = buttons();
  (left[Math.min(at, left.length - 1)] ?? search).focus();
}

function film(kind, sign, prefix) {
  return (id) => removable(kind, nameOf(id), prefix + nameOf(id), () => drop(id, `${nameOf(id)} removed.`), sign);
}

function genre(key, sign, prefix) {
  return (name) => removable(key, name, `${prefix} ${name}`,
    () => change({ [key]: current()[key].filter((other) => other !== name) }, `${prefix} ${name} removed.`), sign);
}

function year(key, word) {
  const input = element("input", {
    type: "number", inputmode: "numeric", min: "1870", max: "2100", value: String(current()[key]), "aria-label": `Films ${word} the year`,
    onchange: () => {
      if (input.validity.valid && input.value) change({ [key]: Number(input.value) }, `Films ${word} ${input.value}.`);
      else input.value = current()[key];
    },
  });
  const chip = removable("year", "", `${word} ${current()[key]}`, () => change({ [key]: null }, "Years widened."));
  chip.prepend(element("label", {}, `${word} `, input));
  return chip;
}

const dial = (key) => removable("dial", DIALS[key](current()[key]), `${key}: ${DIALS[key](current()[key])}`,
  () => change({ [key]: null }, `${key} as tuned again.`));

const switched = (key) => removable("dial", SWITCHES[key].toLowerCase(), SWITCHES[key].toLowerCase(),
  () => change({ [key]: false }, `${SWITCHES[key]} no longer.`));

function show() {
  const state = current();
  const focused = document.activeElement.closest?.("#picked li");
  const at = focused && [...list.children].indexOf(focused);
  const inInput = document.activeElement.tagName === "INPUT";
  const chips = [
    ...state.likes.map(film("like", "", "")), ...state.dislikes.map(film("dislike", "not", "dislike of ")),
    ...state.hidden.map(film("hidden", "hidden", "hiding of ")),
    ...state.any.map((name, index) => genre("any", index ? "or" : "only", "only")(name)), ...state.none.map(genre("none", "no", "no")),
    ...(state.from === null ? [] : [year("from", "from")]), ...(state.to === null ? [] : [year("to", "to")]),
    ...["diversity", "novelty"].filter((key) => state[key] !== null).map(dial),
    ...Object.keys(SWITCHES).filter((key) => state[key] && !(key === "mix" && together(state))).map(switched),
  ];
  list.replaceChildren(...chips);
  if (focused) list.children[Math.min(at, chips.length - 1)]?.querySelector(inInput ? "input, button" : "button").focus();
  tools.hidden = !chips.length && !canUndo() && !state.people.length;
  undoButton.disabled = !canUndo();
}

async function refresh() {
  show();
  const state = current();
  if (await learn([...state.likes, ...state.dislikes, ...state.hidden])) show();
}

undoButton.addEventListener("click", undo);
document.getElementById("start-over").addEventListener("click", () => { startOver(); search.focus(); });
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "z" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
  // In a field in which something was typed, the keys undo the typing.
  if (event.target.matches("input:not([type=range], [type=checkbox])") && event.target.value) return;
  event.preventDefault();
  if (event.shiftKey) history.forward();
  else undo();
});
onChange(refresh);
refresh();
