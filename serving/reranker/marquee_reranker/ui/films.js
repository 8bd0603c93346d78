// Films that this page has seen, by their ids.
import { ask, AskError, attempt } from "./api.js";
import { catalog, say } from "./catalog.js";

const known = new Map();
const missing = new Set();
const pending = new Map();

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
  return missing.has(id) ? say`Film ${id}, not known here` : say`Film ${id}`;
}

/** The address of a film in the API, for a request of this kind. The server's own number of an item may change with each training. */
export async function addressOf(id, kind) {
  if (!catalog.own_ids) return `/v1/movies/${id}`;
  const { films: [found] } = await ask(`${kind} address`, "/v1/resolve", { rows: [{ movie_id: id }] });
  if (!found) throw new AskError(say`This film is not known here.`, 404);
  return `/v1/movies/${found.movie.number}`;
}

// Only an id without a film is remembered as missing; after any other failure the next call asks again.
async function fetchFilm(id) {
  await attempt(async () => remember(await ask(`film ${id}`, await addressOf(id, `film ${id}`))), ({ status }) => status === 404 && missing.add(id));
  pending.delete(id);
}

/** Fetches those of the films that aren't known yet; true if there were any. */
export async function learn(ids) {
  const wanted = ids.filter((id) => !known.has(id) && !missing.has(id));
  for (const id of wanted) if (!pending.has(id)) pending.set(id, fetchFilm(id));
  await Promise.all(wanted.map((id) => pending.get(id)));
  return wanted.length > 0;
}
