// The whole state as the part of the address after "#", and back: a link that can be shared, and an entry of the
// browser's history. Ids are MovieLens's; what is left out has its default.

export const EMPTY = Object.freeze({
  likes: [], dislikes: [], hidden: [], any: [], none: [], from: null, to: null, diversity: null, novelty: null,
  near: null, tab: null,
});
export const MOST_IDS = 100;

const LISTS = { films: "likes", not: "dislikes", hide: "hidden" };
const GENRES = { genres: "any", without: "none" };
const NUMBERS = { diversity: "diversity", novelty: "novelty", from: "from", to: "to", near: "near" };
const BOUNDS = { diversity: [0, 1], novelty: [0, 1], from: [1870, 2100], to: [1870, 2100], near: [1, 2 ** 31 - 1] };

/** "#films=1,7&from=1990", or "" for a state in which nothing was chosen. */
export function write(state) {
  const parts = [];
  for (const [name, key] of Object.entries(LISTS)) if (state[key].length) parts.push(`${name}=${state[key].join(",")}`);
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
  for (const [name, key] of Object.entries(LISTS)) {
    const ids = (given.get(name) ?? "").split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0 && id < 2 ** 31);
    state[key] = [...new Set(ids)].slice(0, MOST_IDS);
  }
  for (const [name, key] of Object.entries(GENRES)) {
    state[key] = (given.get(name) ?? "").split(",").filter(Boolean).slice(0, 30);
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
