// A film's card: its poster, facts, how well it fits and why, and what can be done with it.
import { at } from "./api.js";
import { catalog, say } from "./catalog.js";
import { toast } from "./choices.js";
import { element, icon } from "./dom.js";
import { remember, short, withYear } from "./films.js";
import { add, listed, remove } from "./lists.js";
import { poster } from "./poster.js";
import { change, current, details, put, write } from "./state.js";
import { forSelected, groupMatch, match, possessive, reasons } from "./words.js";

const withoutPoster = new Set();
const MOST_NAMED = 3;

// Cards have no place for this one.
export const MORE_ACTIONS = [["watch", say`Watch list`, (film) => (
  listed("watch").has(film.movie_id) ? remove("watch", film.movie_id) : keep("watch", film, say`On your watch list.`)
)]];

function keep(name, { movie_id, tmdb_id, imdb_id, title, year, genres, popularity_rank: rank }, words) {
  change({ film: null }); // which closes its details
  add(name, [{ movie_id, tmdb_id, imdb_id, title, year, genres, rank, at: name === "seen" ? new Date().toISOString().slice(0, 10) : undefined }]);
  toast(`${title}: ${words[0].toLowerCase()}${words.slice(1)}`);
}

export const ACTIONS = [
  ["like", "Like", (film) => put("likes", film.movie_id, `${film.title} added${forSelected(current())}.`)],
  ["dislike", "Not for me:", (film) => put("dislikes", film.movie_id, `Less like ${film.title}${forSelected(current())}.`)],
  ["seen", say`Seen`, (film) => keep("seen", film, say`Seen: it is on your list, and not recommended again.`)],
  ["hide", "Hide", (film) => put("hidden", film.movie_id, `${film.title} hidden.`)],
  ["near", "More like", (film) => change({ near: film.movie_id, film: null }, say`Films like ${film.title}.`)],
];

export function picture(film) {
  const box = element("div", { class: "poster" }, poster(film));
  if (catalog.posters && !withoutPoster.has(film.movie_id)) {
    box.append(element("img", {
      src: at(`/v1/posters/${film.number ?? film.movie_id}`), alt: "", loading: "lazy", decoding: "async", width: "342", height: "513",
      onerror: (event) => { withoutPoster.add(film.movie_id); event.target.remove(); },
    }));
  }
  return box;
}

/** A bar whose length is a share, for the eye alone. */
export function bar(score) {
  const fill = element("span");
  fill.style.width = `${100 * score}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

function affinity({ affinity_score: score, for_people: people }, names) {
  if (!people) {
    return [element("p", { class: "affinity" }, bar(score), element("span", {}, match(score)))];
  }
  const scores = people.map((person) => person.affinity_score);
  const each = scores.map((own, index) => element("li", {},
    element("span", { class: "name", title: names[index] }, names[index]), " ", element("span", { class: "visually-hidden" }, match(own)), bar(own)));
  return [
    element("p", { class: "affinity", title: "The share of you who are expected to like it" }, groupMatch(score, scores, names)),
    element("ul", { class: "each", "aria-label": "How well it fits each of you" }, ...each),
  ];
}

const bold = (seeds) => seeds.flatMap(({ words }, index) => [index ? " and " : "", element("b", {}, short(words))]);

// For two people two films each; for more one each, and only of those three whose films say most for it.
function becauseOfGroup(people, names) {
  const most = names.length > 2 ? 1 : 2;
  let speaking = people.map(({ explanation }, index) => ({
    name: names[index], seeds: reasons(explanation).seeds.slice(0, most), strength: explanation.because[0]?.contribution,
  })).filter(({ seeds }) => seeds.length);
  const rest = speaking.length - MOST_NAMED;
  if (rest > 0) speaking = speaking.sort((a, b) => b.strength - a.strength).slice(0, MOST_NAMED);
  const parts = speaking.flatMap(({ name, seeds }, index) => [index ? "; " : "Because of ", possessive(name), " ", ...bold(seeds)]);
  return rest > 0 ? [...parts, rest > 1 ? say`; and films of ${rest} more people` : say`; and films of one more person`] : parts;
}

function because(explanation) {
  const { seeds, others } = reasons(explanation);
  const also = others.slice(0, 2).map(({ words }) => words).join(", ");
  if (seeds.length) return ["Because you liked ", ...bold(seeds.slice(0, 2)), also ? `; ${also}` : ""];
  return also ? [also[0].toUpperCase() + also.slice(1)] : [];
}

function why(film, names) {
  if (!film.for_people && !film.explanation) return "";
  const parts = film.for_people ? becauseOfGroup(film.for_people, names) : because(film.explanation);
  return element("p", { class: "because" }, ...(parts.length ? parts : ["Not close to your picks, but widely liked"]));
}

/** A link that opens a film's details. */
export const opener = (film, ...content) => element("a", {
  href: write({ ...current(), film: film.movie_id }), "data-action": "open", title: film.title,
  onclick: (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // which open another tab or window
    event.preventDefault();
    details(film.movie_id);
  },
}, ...content);

/** The card of a film; `names` are of the people whom the answer is for, in their order, if they are several. */
export function card(film, names = []) {
  remember(film);
  const facts = [film.year, film.genres.join(", ").replaceAll("-", "\u2011")].filter(Boolean).join(" · ");
  return element("li", {}, element("article", { "aria-label": withYear(film) },
    picture(film),
    element("div", { class: "what" }, element("h3", {}, opener(film, short(film.title))),
      element("p", { class: "facts", title: film.genres.join(", ") }, facts)),
    ...("affinity_score" in film ? affinity(film, names) : []), why(film, names),
    element("div", { class: "actions" }, ...ACTIONS.map(([name, words, act]) => element("button", {
      type: "button", "data-action": name, "aria-label": `${words} ${film.title}`,
      title: name === "near" ? "More like this" : words.replace(":", ""), onclick: () => act(film),
    }, icon(name)))),
  ));
}
