// The whole state as the part of the address after "#", and back: a link that can be shared, and an entry of the
// browser's history. Ids are MovieLens's; what is left out has its default. Of several people the first one's films stand
// where those of one alone do, the others' under "films2", "not2" and so on.
import { catalog } from "/ui/films.js";
import { defaultName, everyone, having, LONGEST_NAME, MOST_PEOPLE } from "/ui/group.js";

export const EMPTY = Object.freeze({
  likes: [], dislikes: [], hidden: [], any: [], none: [], from: null, to: null, diversity: null, novelty: null,
  near: null, tab: null, mix: false, series: false, people: [], who: 0,
});
export const MOST_IDS = 100;

const PERSON = { films: "likes", not: "dislikes" };
const SWITCHES = { mix: "mix", series: "series" };
const GENRES = { genres: "any", without: "none" };
const NUMBERS = { diversity: "diversity", novelty: "novelty", from: "from", to: "to", near: "near" };
const BOUNDS = { diversity: [0, 1], novelty: [0, 1], from: [1870, 2100], to: [1870, 2100], near: [1, 2 ** 31 - 1] };

const place = (index) => (index ? index + 1 : "");

function idsOf(text) {
  const ids = (text ?? "").split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0 && id < 2 ** 31);
  return [...new Set(ids)].slice(0, MOST_IDS);
}

function personOf(given, index) {
  const name = (given.get(`name${index + 1}`) ?? "").trim().slice(0, LONGEST_NAME) || defaultName(index);
  return { name, likes: idsOf(given.get(`films${place(index)}`)), dislikes: idsOf(given.get(`not${place(index)}`)) };
}

/** "#films=1,7&from=1990", or "" for a state in which nothing was chosen. */
export function write(state) {
  const parts = [];
  const people = everyone(state);
  people.forEach((person, index) => {
    for (const [name, key] of Object.entries(PERSON)) if (person[key].length) parts.push(`${name}${place(index)}=${person[key].join(",")}`);
    if (person.name !== defaultName(index)) parts.push(`name${index + 1}=${encodeURIComponent(person.name)}`);
  });
  if (people.length > 1) parts.push(`people=${people.length}`);
  if (state.who) parts.push(`who=${state.who + 1}`);
  if (state.hidden.length) parts.push(`hide=${state.hidden.join(",")}`);
  for (const [name, key] of Object.entries(SWITCHES)) if (state[key]) parts.push(`${name}=1`);
  for (const [name, key] of Object.entries(NUMBERS)) if (state[key] !== null) parts.push(`${name}=${state[key]}`);
  for (const [name, key] of Object.entries(GENRES)) {
    if (state[key].length) parts.push(`${name}=${state[key].map(encodeURIComponent).join(",")}`);
  }
  if (state.tab) parts.push(`tab=${state.tab}`);
  return parts.length ? `#${parts.join("&")}` : "";
}

/** The state of an address; what makes no sense in it is left out, since people shorten and edit links. */
export function read(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...EMPTY };
  const count = Number(given.get("people"));
  const people = Array.from({ length: count > 1 && count <= MOST_PEOPLE ? count : 1 }, (_, index) => personOf(given, index));
  const who = Number(given.get("who")) - 1;
  Object.assign(state, having(people, people[who] ? who : 0));
  state.hidden = idsOf(given.get("hide"));
  for (const [name, key] of Object.entries(SWITCHES)) state[key] = given.get(name) === "1";
  for (const [name, key] of Object.entries(GENRES)) {
    state[key] = (given.get(name) ?? "").split(",").filter((genre) => genre && (catalog.genres ?? [genre]).includes(genre)).slice(0, 30);
  }
  for (const [name, key] of Object.entries(NUMBERS)) {
    const [low, high] = BOUNDS[name];
    const value = Number(given.get(name) || NaN);
    if (given.get(name) === "0" && low === 0) state[key] = 0;
    else if (value >= low && value <= high && (high === 1 || Number.isInteger(value))) state[key] = value;
  }
  if (given.get("tab") === "operator") state.tab = "operator";
  return state;
}
