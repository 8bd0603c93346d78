// Who watches: a button for each person, and the selected one's name. Shown from the second person on.
import { say } from "./catalog.js";
import { $, element, replaceItems } from "./dom.js";
import {
  change, current, everyone, freeName, LONGEST_NAME, MOST_PEOPLE, onChange, requesters, select, selectPerson,
} from "./state.js";
import { joinNames, possessive } from "./words.js";

const [list, name, remove, search] = ["people-list", "person-name", "person-remove", "search"].map($);
const addAnother = element("button", { type: "button", class: "quiet", id: "person-add", onclick: add }, "Add a person");

function add() {
  const people = everyone(current());
  const person = { name: freeName(people), likes: [], dislikes: [] };
  change({ ...selectPerson([...people, person], people.length), near: null }, say`${person.name} added: pick films that they like.`);
  search.focus();
}

function button({ name: text, likes }, index) {
  return element("li", {}, element("button", {
    type: "button", "aria-pressed": index === current().who, onclick: () => select(index),
    "aria-label": `${text}, ${likes.length === 1 ? say`1 film` : say`${likes.length} films`}`,
  }, text, " ", element("span", { class: "count" }, String(likes.length))));
}

/** Who is left out of the request and why; empty if nobody is. */
function leftOut(state) {
  const without = state.people.filter((person) => !person.likes.length).map((person) => person.name);
  if (!without.length) return "";
  const text = joinNames(without);
  const verb = without.length > 1 || text === "you" ? "have" : "has";
  const whom = requesters(state).length ? `${joinNames(requesters(state).map((person) => person.name))} only` : "nobody yet";
  return say`${text[0].toUpperCase()}${text.slice(1)} ${verb} no film yet, so the list is for ${whom}.`;
}

function show() {
  const state = current();
  const person = state.people[state.who];
  $("people").hidden = !person;
  $("together").hidden = Boolean(person);
  document.querySelector("label[for=search]").textContent = !person || possessive(person.name) === "your"
    ? say`Films you like` : say`Films ${person.name} likes`;
  $("people-status").textContent = leftOut(state);
  if (!person) return;
  const another = state.people.length < MOST_PEOPLE ? [element("li", {}, addAnother)] : [];
  replaceItems(list, [...state.people.map(button), ...another], "button", search);
  name.value = person.name;
  remove.setAttribute("aria-label", `Remove ${person.name}`);
}

name.addEventListener("change", () => {
  const { people, who } = current();
  const text = name.value.trim().slice(0, LONGEST_NAME) || freeName(people);
  change({ people: people.map((person, index) => (index === who ? { ...person, name: text } : person)) }, `Renamed to ${text}.`);
  name.value = text;
});
name.addEventListener("keydown", (event) => {
  if (event.key === "Enter") search.focus(); // leaving the field takes the name
});
remove.addEventListener("click", () => {
  const { people, who } = current();
  const left = people.filter((_, index) => index !== who);
  change(selectPerson(left, Math.min(who, left.length - 1)), `${people[who].name} removed.`);
  (left.length > 1 ? list.querySelector("[aria-pressed=true]") : search).focus();
});
$("together-add").addEventListener("click", add);
onChange(show);
show();
