// Films that this page has seen, by MovieLens id, and the facts about the catalogue that the server put into the page.
import { ask, askCatalog, attempt } from "./api.js";
import { $ } from "./dom.js";

const known = new Map();
const missing = new Set();
const pending = new Map();

export const catalog = await askCatalog($("catalog"));
for (const film of [...(catalog.popular ?? []), ...(catalog.tastes ?? []).flatMap(({ films }) => films)]) remember(film);

export function remember(film) {
  known.set(film.movie_id, film);
}

/** A title without the alternative titles that MovieLens puts in brackets at its end. */
export const short = (title) => title.replace(/(?: \([^()]*\))+$/, "") || title;
export const withYear = (film) => (film.year ? `${film.title} (${film.year})` : film.title);

/** What to call a film whose title may not have arrived yet. */
export function nameOf(id) {
  if (known.has(id)) return withYear({ ...known.get(id), title: short(known.get(id).title) });
  return missing.has(id) ? `Film ${id}, not known here` : `Film ${id}`;
}

// Only an id without a film is remembered as missing; after any other failure the next call asks again.
async function fetchFilm(id) {
  await attempt(async () => remember(await ask(`film ${id}`, `/v1/movies/${id}`)), ({ status }) => status === 404 && missing.add(id));
  pending.delete(id);
}

/** Fetches those of the films that aren't known yet; true if there were any. */
export async function learn(ids) {
  const wanted = ids.filter((id) => !known.has(id) && !missing.has(id));
  for (const id of wanted) if (!pending.has(id)) pending.set(id, fetchFilm(id));
  await Promise.all(wanted.map((id) => pending.get(id)));
  return wanted.length > 0;
}
