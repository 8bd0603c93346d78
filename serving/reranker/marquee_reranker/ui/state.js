// What is wanted, who wants it, its history and its address. Each change is an entry of the browser's history, so that
// undo, the back button and a shared link are the same thing. `likes` and `dislikes` are the selected person's; `people`
// is empty while there is only one.
import { catalog } from "./catalog.js";
import { listed } from "./lists.js";

export const MOST_PEOPLE = 8;
export const LONGEST_NAME = 20;
export const UNDONE = "Back to how it was.";
export const NO_FILTERS = { any: [], none: [], from: null, to: null };
const MOST_IDS = 100;
const MERGE_MS = 1000;
const DETAILS = "details";

// People

export const defaultName = (index) => (index ? `Person ${index + 1}` : "You");

/** Everybody, also those without films: [{name, likes, dislikes}]. */
export const everyone = ({ people, likes, dislikes }) => (people.length ? people : [{ name: defaultName(0), likes, dislikes }]);
/** Those who like a film: the request is for them. */
export const requesters = (state) => everyone(state).filter((person) => person.likes.length);
export const isGroup = (state) => requesters(state).length > 1;
/** Whether the list is for this browser's ratings, and what one person picks beside them. */
export const isRated = (state) => state.mine && !state.people.length && listed("seen").size > 0;
/** Ids that are not shown: hidden, seen, or disliked by a requester or by the selected person. */
export const unwanted = (state) => [...requesters(state), state].flatMap((person) => person.dislikes).concat(state.hidden, ...listed("seen").keys());

/** The change that makes these the people, with `who` selected. One person alone needs no name. */
export function selectPerson(people, who) {
  const { likes, dislikes } = people[who];
  return people.length > 1 ? { people, who, likes, dislikes } : { people: [], who: 0, likes, dislikes };
}

/** The first default name that nobody has. */
export function freeName(people) {
  const taken = people.map(({ name }) => name);
  return Array.from({ length: MOST_PEOPLE + 1 }, (_, index) => defaultName(index + 1)).find((name) => !taken.includes(name));
}

// The address: the part behind "#". What is left out has its default; what makes no sense is ignored, since people edit
// and shorten links. Ids are MovieLens ids, or the data's own; commas within these, and within genres, are escaped. The
// second person's films are "films2", and so on.

const PERSON = { films: "likes", not: "dislikes" };
const suffix = (index) => (index ? index + 1 : "");

const escaped = (value) => String(value).replace(/[%,]/g, encodeURIComponent);
const unescaped = (text) => text.replace(/%(25|2C)/g, decodeURIComponent);
const readNumber = (low, high, whole = true) => (text) => {
  const value = text ? Number(text) : NaN;
  return value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : null;
};
const readId = catalog.own_ids ? (text) => unescaped(text) || null : readNumber(1, 2 ** 31 - 1);
const readIds = (text) => [...new Set(text.split(",").map(readId))].filter((id) => id !== null).slice(0, MOST_IDS);
const readGenres = (text) => text.split(",").map(unescaped).filter((name) => name && (catalog.genres ?? [name]).includes(name)).slice(0, 30);
const readSwitch = (text) => text === "1";

// [name in the address, key of the state, how to read it]
const FIELDS = [
  ["hide", "hidden", readIds], ["mix", "mix", readSwitch], ["mine", "mine", readSwitch], ["series", "series", readSwitch],
  ["diversity", "diversity", readNumber(0, 1, false)], ["novelty", "novelty", readNumber(0, 1, false)],
  ["from", "from", readNumber(1870, 2100)], ["to", "to", readNumber(1870, 2100)], ["near", "near", readId],
  ["film", "film", readId],
  ["genres", "any", readGenres], ["without", "none", readGenres], ["tab", "tab", (text) => (text === "operator" ? text : null)],
];

function read(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const text = (name) => given.get(name) ?? "";
  const count = readNumber(2, MOST_PEOPLE)(text("people")) ?? 1;
  const people = Array.from({ length: count }, (_, index) => ({
    name: text(`name${index + 1}`).trim().slice(0, LONGEST_NAME) || defaultName(index),
    likes: readIds(text(`films${suffix(index)}`)), dislikes: readIds(text(`not${suffix(index)}`)),
  }));
  const who = Number(text("who")) - 1;
  const shared = Object.fromEntries(FIELDS.map(([name, key, reader]) => [key, reader(text(name))]));
  return { ...shared, ...selectPerson(people, people[who] ? who : 0) };
}

/** "#films=1,7&from=1990", or "" for a state in which nothing was chosen. */
export function write(state) {
  const parts = [];
  const add = (name, value) => parts.push(`${name}=${[value].flat().map(encodeURIComponent).join(",")}`);
  const people = everyone(state);
  people.forEach((person, index) => {
    for (const [name, key] of Object.entries(PERSON)) if (person[key].length) add(name + suffix(index), person[key].map(escaped));
    if (person.name !== defaultName(index)) add(`name${index + 1}`, person.name);
  });
  if (people.length > 1) add("people", people.length);
  if (state.who) add("who", state.who + 1);
  for (const [name, key] of FIELDS) {
    const value = state[key];
    if (value !== null && value !== false && value.length !== 0) add(name, value === true ? 1 : [value].flat().map(escaped));
  }
  return parts.length ? `#${parts.join("&")}` : "";
}

/** Whether two states want the same list. To open a tab or a film's details, or to select a person, changes nothing of it. */
export const sameList = (...two) => new Set(two.map((it) => write({ ...it, tab: null, who: 0, film: null }))).size === 1;

// Changes

const listeners = [];
let state = read(location.hash);
const depth = () => history.state?.depth ?? 0;

export const current = () => state;
export const canUndo = () => depth() > 0;

/** Calls `listener(state, before, words)` after each change; `words` say what changed. */
export function onChange(listener) {
  listeners.push(listener);
}

function set(next, words) {
  const before = state;
  state = Object.freeze(next);
  for (const listener of listeners) listener(state, before, words);
}

/** Changes some fields. Quick changes with the same `tag` (a dial being dragged) are one step of undo. */
export function change(patch, words = "", tag = "") {
  const next = { ...state, ...patch };
  const { likes, dislikes } = next;
  next.people = next.people.map((person, index) => (index === next.who ? { ...person, likes, dislikes } : person));
  const address = write(next);
  if (address === write(state)) return;
  const now = Date.now();
  const last = history.state;
  // What is done in a film's details takes the place of having opened them: undo doesn't open them again.
  const merge = last?.tag === DETAILS || (tag && last?.tag === tag && now - last.at < MERGE_MS);
  const entry = { depth: depth() + (merge ? 0 : 1), tag, at: now };
  history[merge ? "replaceState" : "pushState"](entry, "", address || location.pathname);
  set(next, words);
}

/** Selects the person whose films are picked and shown. It changes nothing that is wanted, so it is no step of undo. */
export function select(who) {
  replace({ ...state, ...selectPerson(state.people, who) });
}

function replace(next) {
  history.replaceState(history.state, "", write(next) || location.pathname);
  set(next, "");
}

/** Opens a film's details, or closes them if `id` is null: a step of the history which, once closed, is gone. */
export function details(id) {
  if (id) change({ film: id }, "", DETAILS);
  else if (history.state?.tag === DETAILS) history.back();
  else replace({ ...state, film: null });
}

export function undo() {
  if (canUndo()) history.back();
}

window.addEventListener("popstate", () => {
  const next = read(location.hash);
  set(next, sameList(next, state) ? "" : UNDONE);
});

const without = (ids, id) => ids.filter((other) => other !== id);

/** Takes a film out of likes, dislikes and hidden, and puts it into one of them, if one is named. */
export function put(key, id, words) {
  const lists = Object.fromEntries(["likes", "dislikes", "hidden"].map((name) => [name, without(state[name], id)]));
  if (key) Object.assign(lists, { [key]: [...lists[key], id].slice(-MOST_IDS), near: null });
  change({ ...lists, film: null }, words);
}

export function startOver() {
  change({ ...read(""), tab: state.tab }, "Everything cleared.");
}
