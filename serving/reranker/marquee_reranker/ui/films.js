// Films that this page has seen, by MovieLens id: titles for chips, and what the bundle says of its catalogue.
import { ask, AskError } from "/ui/api.js";

const known = new Map();
const missing = new Set();

export const catalog = JSON.parse(document.getElementById("catalog").textContent);
for (const film of [...(catalog.popular ?? []), ...(catalog.tastes ?? []).flatMap(({ films }) => films)]) remember(film);

export function remember(film) {
  known.set(film.movie_id, film);
}

export const filmOf = (id) => known.get(id);
/** A title without the other titles that MovieLens puts into brackets at its end. */
export const short = (title) => title.replace(/(?: \([^()]*\))+$/, "") || title;
export const withYear = (film) => (film.year ? `${film.title} (${film.year})` : film.title);

/** What to call a film whose title may not have arrived. */
export function nameOf(id) {
  if (known.has(id)) return withYear({ ...known.get(id), title: short(known.get(id).title) });
  return missing.has(id) ? `Film ${id}, not known here` : `Film ${id}`;
}

const asked = new Map();

// A film that doesn't exist is none of our errors.
async function fetchFilm(id) {
  try {
    const film = await ask(`film ${id}`, `/v1/movies/${id}`);
    if (film) remember(film);
  } catch (error) {
    if (error instanceof AskError && error.status === 404) missing.add(id);
    else if (!(error instanceof AskError)) throw error;
  } finally {
    asked.delete(id);
  }
}

/** Fetches the films among these that aren't known yet; whoever wants one that is under way waits for the same answer. */
export async function learn(ids) {
  const wanted = ids.filter((id) => !known.has(id) && !missing.has(id));
  for (const id of wanted) if (!asked.has(id)) asked.set(id, fetchFilm(id));
  await Promise.all(wanted.map((id) => asked.get(id)));
  return wanted.length > 0;
}
