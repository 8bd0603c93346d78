// A film's details in a dialog: how liked it is, why it is in the list, what people who like it also like, and where else to
// look it up. The browser's own dialog closes with Escape, keeps the focus inside and returns it.
import { ask, attempt } from "./api.js";
import { ACTIONS, bar, MORE_ACTIONS, opener, picture } from "./cards.js";
import { isFilms, say } from "./catalog.js";
import { $, element, icon } from "./dom.js";
import { addressOf, nameOf, remember, short, withYear } from "./films.js";
import { shown } from "./results.js";
import { current, details, onChange } from "./state.js";
import { groupMatch, match, percent, reasons, whole } from "./words.js";

const N_SIMILAR = 6;
const dialog = $("film");

// Addresses at other sites: by TMDB's id, or a search where none of them has an address by an id that MovieLens gives.
function elsewhere({ tmdb_id: id, imdb_id: imdb, title, year }) {
  const words = encodeURIComponent(short(title));
  return [
    ...(id ? [["TMDB", `https://www.themoviedb.org/movie/${id}`], ["Letterboxd", `https://letterboxd.com/tmdb/${id}`]] : []),
    ["IMDb", imdb ? `https://www.imdb.com/title/${imdb}/` : `https://www.imdb.com/find/?s=tt&q=${words}${year ? `%20${year}` : ""}`],
    ["JustWatch: where to watch it", `https://www.justwatch.com/us/search?q=${words}`],
  ];
}

function popularity({ likes, popularity_rank: rank, n_films: total }) {
  if (!likes) return "Nobody in the data liked it, so little is known of who would.";
  const people = likes === 1 ? "One person in the data liked it" : `${whole(likes)} people in the data liked it`;
  return say`${people}: number ${whole(rank)} of ${whole(total)} films.`;
}

// What speaks for it; for several people how well it fits each.
function rows(explanation, people) {
  if (people) return people.map(({ affinity_score: score }, index) => [`${shown.names[index]}: ${match(score).toLowerCase()}`, score]);
  const { seeds, others } = reasons(explanation);
  return [...seeds.map(({ words, share }) => [`You liked ${short(words)}`, share]),
    ...others.map(({ words, share }) => [words[0].toUpperCase() + words.slice(1), share])];
}

function why({ affinity_score: score, explanation, for_people: people }) {
  if (score === undefined) return [];
  const words = people ? groupMatch(score, people.map((person) => person.affinity_score), shown.names)
    : say`${match(score)}: ${percent(score)} of people with such taste liked a film with this score.`;
  const bars = rows(explanation, people).map(([text, share]) => element("li", {}, element("span", {}, text), bar(share)));
  return [element("h3", {}, "Why it is here"), element("p", {}, words), element("ul", { class: "shares" }, ...bars)];
}

function fill(film, more, similar) {
  $("film-title").textContent = withYear(film);
  $("film-body").replaceChildren(
    element("div", { class: "film" }, picture(film), element("div", {},
      element("p", {}, film.genres.join(", ")), element("p", { class: "hint" }, more ? popularity(more) : "One moment…"))),
    element("div", { class: "choices" }, ...[...ACTIONS, ...MORE_ACTIONS].map(([name, words, act]) => element("button", {
      type: "button", class: "quiet", onclick: () => act(film),
    }, icon(name), name === "near" ? "More like this" : words.replace(":", "")))),
    ...why(film),
    ...(similar.length ? [element("h3", {}, "People who like it also like"), element("ul", { class: "links" },
      ...similar.map((other) => element("li", {}, opener(other, withYear({ ...other, title: short(other.title) })))))] : []),
    ...(isFilms ? [element("h3", {}, "Elsewhere"), element("ul", { class: "links" }, ...elsewhere(film).map(([name, href]) => (
      element("li", {}, element("a", { href, target: "_blank", rel: "noopener" }, name)))))] : []),
  );
}

async function show() {
  const { film: id } = current();
  if (!id) return dialog.close();
  if (!dialog.open) dialog.showModal();
  const listed = shown.films.get(id);
  if (listed) fill(listed, null, []);
  else {
    $("film-title").textContent = nameOf(id);
    $("film-body").replaceChildren("One moment…");
  }
  await attempt(async () => {
    const address = await addressOf(id, "details");
    const [more, { movies }] = await Promise.all([ask("details", address), ask("details similar", `${address}/similar?top_n=${N_SIMILAR}`)]);
    movies.forEach(remember);
    if (current().film === id) fill(shown.films.get(id) ?? more, more, movies);
  }, ({ status, message }) => {
    if (current().film === id) $("film-body").replaceChildren(element("p", { role: "alert" }, status === 404 ? say`This film is not known here.` : message));
  });
}

// The event comes a moment after the dialog has closed, which "forward" may have opened again by then.
dialog.addEventListener("close", () => !dialog.open && current().film && details(null));
// A click beside the panel hits the dialog itself, whose content fills it.
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
onChange((state, before) => { if (state.film !== before.film) show(); });
if (current().film) show();
