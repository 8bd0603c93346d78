// Who watches: one button for each person, a field for the name of the one whose films are picked, and a way out. It is
// there from the second person on.
import { element } from "/ui/element.js";
import { asking, everyone, LONGEST_NAME, listed, MOST_PEOPLE, newName, having, whose } from "/ui/group.js";
import { change, current, onChange, select } from "/ui/state.js";

const $ = (id) => document.getElementById(id);
const [box, list, name, remove, search] = ["people", "people-list", "person-name", "person-remove", "search"].map($);
const label = document.querySelector("label[for=search]");
const addAnother = element("button", { type: "button", class: "quiet", id: "person-add", onclick: add }, "Add a person");

function add() {
  const people = everyone(current());
  const person = { name: newName(people), likes: [], dislikes: [] };
  change({ ...having([...people, person], people.length), near: null }, `${person.name} added: pick films that they like.`);
  search.focus();
}

function button({ name: text, likes }, index) {
  const films = likes.length === 1 ? "1 film" : `${likes.length} films`;
  return element("li", {}, element("button", {
    type: "button", "aria-pressed": String(index === current().who), onclick: () => select(index),
  }, text, " ", element("span", { class: "count", "aria-hidden": "true" }, String(likes.length)), element("span", { class: "visually-hidden" }, `, ${films}`)));
}

/** Who is left out of the request and why; empty if nobody is. */
function leftOut(state) {
  const without = state.people.filter((person) => !person.likes.length).map((person) => person.name);
  if (!without.length) return "";
  const text = listed(without);
  const verb = without.length > 1 || text === "you" ? "have" : "has";
  return `${text[0].toUpperCase()}${text.slice(1)} ${verb} no film yet, so the list is ${asking(state).length ? `for ${listed(asking(state).map((person) => person.name))} only` : "for nobody yet"}.`;
}

function show() {
  const state = current();
  const person = state.people[state.who];
  const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  box.hidden = !person;
  $("together").hidden = Boolean(person);
  label.textContent = !person || whose(person.name) === "your" ? "Films you like" : `Films ${person.name} likes`;
  $("people-status").textContent = leftOut(state);
  if (!person) return;
  list.replaceChildren(...state.people.map(button));
  if (state.people.length < MOST_PEOPLE) list.append(element("li", {}, addAnother));
  if (at >= 0) list.querySelectorAll("button")[at]?.focus(); // the button with the focus is a new one now
  name.value = person.name;
  remove.setAttribute("aria-label", `Remove ${person.name}`);
}

name.addEventListener("change", () => {
  const { people, who } = current();
  const text = name.value.trim().slice(0, LONGEST_NAME) || newName(people);
  change({ people: people.map((person, index) => (index === who ? { ...person, name: text } : person)) }, `Renamed to ${text}.`);
  name.value = text;
});
name.addEventListener("keydown", (event) => {
  if (event.key === "Enter") search.focus(); // leaving the field takes the name
});
remove.addEventListener("click", () => {
  const { people, who } = current();
  const left = people.filter((_, index) => index !== who);
  change(having(left, Math.min(who, left.length - 1)), `${people[who].name} removed.`);
  (left.length > 1 ? list.querySelector("[aria-pressed=true]") : search).focus();
});
$("together-add").addEventListener("click", add);
onChange(show);
show();
