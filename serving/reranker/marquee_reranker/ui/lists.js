// What a person has seen, with stars where it was rated, and wants to see. It is kept in this browser alone: localStorage.
import { catalog, isFilms } from "./catalog.js";

const KEY = ["marquee-lists", ...(isFilms ? [] : catalog.noun), ...(catalog.own_ids ? ["own"] : [])].join("-");
export const MOST_RATINGS = 2000; // of a request; as many films may be excluded, or resolved
const listeners = [];
let lists = load();

function load() {
  let stored = null;
  try { stored = JSON.parse(localStorage.getItem(KEY)); } catch { /* another page's, or storage is off */ }
  const byId = (entries) => new Map((Array.isArray(entries) ? entries : []).filter((film) => (catalog.own_ids ? film?.movie_id : film?.movie_id > 0)).map((film) => [film.movie_id, film]));
  return { seen: byId(stored?.seen), watch: byId(stored?.watch) };
}

function save() {
  const { seen, watch } = lists;
  try { localStorage.setItem(KEY, JSON.stringify({ seen: [...seen.values()], watch: [...watch.values()] })); } catch { /* full or off: until the page closes */ }
  for (const listener of listeners) listener();
}

/** Films of a list, "seen" or "watch", by their ids: as the API gives them, and `stars`, `at` and `rank` where known. */
export const listed = (name) => lists[name];
export const onLists = (listener) => listeners.push(listener);

/** Puts films on a list, once each; what was seen is no longer to be watched. */
export function add(name, films) {
  for (const film of films) lists[name].set(film.movie_id, { ...lists[name].get(film.movie_id), ...film });
  if (name === "seen") for (const film of films) lists.watch.delete(film.movie_id);
  save();
}

export function remove(name, id) {
  lists[name].delete(id);
  save();
}

export function clear(name) {
  lists[name].clear();
  save();
}

/** The field `ratings` of a request: what was rated, the newest first, then what was seen. */
export function ratings() {
  const time = ({ at }) => Date.parse(typeof at === "number" ? new Date(1000 * at).toISOString() : at) || 0;
  return [...lists.seen.values()].sort((a, b) => Boolean(b.stars) - Boolean(a.stars) || time(b) - time(a)).slice(0, MOST_RATINGS)
    .map(({ movie_id, stars, at }) => ({ movie_id, ...(stars ? { stars } : {}), ...(at ? { at } : {}) }));
}

/** A list as CSV, which this page, Letterboxd and spreadsheets read. */
export function csv(name) {
  const cell = (value) => (/[",\r\n]/.test(value ?? "") ? `"${value.replaceAll('"', '""')}"` : value ?? "");
  const [head, ids] = isFilms ? [["WatchedDate", "imdbID", "tmdbID"], ["imdb_id", "tmdb_id"]] : [["Date", "Id"], ["movie_id"]];
  const lines = [...lists[name].values()].map((film) => ["title", "year", "stars", "at", ...ids].map((key) => cell(film[key] && String(film[key]))));
  return [["Title", "Year", "Rating", ...head], ...lines].map((line) => `${line.join(",")}\r\n`).join("");
}

window.addEventListener("storage", ({ key }) => { // another tab of this page
  if (key !== KEY) return;
  lists = load();
  for (const listener of listeners) listener();
});
