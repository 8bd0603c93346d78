// A film's card: poster, what it is, how well it fits, why, and what to do about it.
import { element } from "/ui/element.js";
import { catalog, remember, short, withYear } from "/ui/films.js";
import { icon, poster } from "/ui/poster.js";
import { forWhom, listed, whose } from "/ui/group.js";
import { change, current, put } from "/ui/state.js";
import { groupMatch, match, percent, reasons } from "/ui/words.js";

const noPoster = new Set();
const MOST_TOLD = 3;

const ACTIONS = [
  ["like", "Like", (film) => put("likes", film.movie_id, `${film.title} added${forWhom(current())}.`)],
  ["dislike", "Not for me:", (film) => put("dislikes", film.movie_id, `Less like ${film.title}${forWhom(current())}.`)],
  ["hide", "Hide", (film) => put("hidden", film.movie_id, `${film.title} hidden.`)],
  ["near", "More like", (film) => change({ near: film.movie_id }, `Films like ${film.title}.`)],
];

function picture(film) {
  const box = element("div", { class: "poster" }, poster(film));
  if (catalog.posters && !noPoster.has(film.movie_id)) {
    box.append(element("img", {
      src: `/v1/posters/${film.movie_id}`, alt: "", loading: "lazy", decoding: "async", width: "342", height: "513",
      onerror: (event) => { noPoster.add(film.movie_id); event.target.remove(); },
    }));
  }
  return box;
}

function bar(score) {
  const fill = element("span");
  fill.style.width = `${100 * score}%`;
  return element("span", { class: "bar", "aria-hidden": "true" }, fill);
}

function affinity(score) {
  return element("p", { class: "affinity", title: "Of people with such taste, the share who liked a film with this score" },
    bar(score), element("span", {}, `${match(score)} ${percent(score)}`));
}

function groupAffinity(film, names) {
  return [
    element("p", { class: "affinity", title: "The share of you who are expected to like it" },
      element("span", {}, groupMatch(film.affinity_score, film.for_people.map((each) => each.affinity_score), names.map((name) => listed([name]))))),
    element("ul", { class: "each", "aria-label": "How well it fits each of you" }, ...film.for_people.map(({ affinity_score: score }, index) => element("li", {},
      element("span", { class: "name", title: names[index] }, names[index]), " ", bar(score), element("span", {}, percent(score))))),
  ];
}

// Whose films speak for it: of two people two films each; of more one each, and only of those three whose speak most.
function becauseOf(film, names) {
  const most = names.length > 2 ? 1 : 2;
  const speaking = film.for_people.map(({ explanation }, index) => ({
    name: names[index], seeds: reasons(explanation).seeds.slice(0, most), most: explanation.because[0]?.contribution,
  })).filter(({ seeds }) => seeds.length);
  if (!speaking.length) return element("p", { class: "because" }, "Nothing of yours speaks for it; many people like it.");
  const told = speaking.length > MOST_TOLD ? speaking.sort((a, b) => b.most - a.most).slice(0, MOST_TOLD) : speaking;
  const parts = told.flatMap(({ name, seeds }, index) => [index ? "; " : "", whose(name), " ",
    ...seeds.flatMap(({ title }, at) => [at ? " and " : "", element("b", {}, short(title))])]);
  const rest = speaking.length - told.length;
  return element("p", { class: "because" }, "Because of ", ...parts, rest ? `; and films of ${rest} more` : "");
}

function because(explanation) {
  const { seeds, others } = reasons(explanation);
  const alone = seeds.length === 1 && !others.length; // "100 %" would say nothing
  const shown = seeds.slice(0, 2).flatMap(({ title, share }, index) => [
    index ? ", " : "", element("b", {}, short(title)), alone ? "" : ` ${percent(share)}`]);
  const also = others.slice(0, 2).join(" and ");
  if (!seeds.length && !also) return element("p", { class: "because" }, "Nothing of yours speaks for it; many people like it.");
  const start = seeds.length ? ["Because you liked ", ...shown] : [];
  return element("p", { class: "because" }, ...start, also ? `${seeds.length ? "; also for " : "For "}${also}` : "");
}

/** The card of a film; `names` are of the people whom the answer is for, in their order, if they are several. */
export function card(film, names = []) {
  remember(film);
  return element("li", {}, element("article", { "aria-label": withYear(film) },
    picture(film),
    element("div", { class: "what" }, element("h3", { title: film.title }, short(film.title)),
      element("p", { class: "facts", title: film.genres.join(", ") }, [film.year, film.genres.join(", ").replaceAll("-", "\u2011")].filter(Boolean).join(" · "))),
    ...(film.for_people ? [...groupAffinity(film, names), becauseOf(film, names)] : []),
    "affinity_score" in film && !film.for_people ? affinity(film.affinity_score) : "",
    film.explanation ? because(film.explanation) : "",
    element("div", { class: "actions" }, ...ACTIONS.map(([name, words, act]) => element("button", {
      type: "button", "data-action": name, "aria-label": `${words} ${film.title}`, title: name === "near" ? "More like this" : words.replace(":", ""),
      onclick: () => act(film),
    }, icon(name)))),
  ));
}

/** A card's outline, of the same size, for the time before the first answer. */
export function skeleton() {
  return element("li", { class: "skeleton", "aria-hidden": "true" }, element("article", {},
    element("div", { class: "poster" }), element("div", { class: "what" }, element("h3", {}, "\u00a0"), element("p", { class: "facts" }, "\u00a0")),
    element("p", { class: "affinity" }, "\u00a0"), element("p", { class: "because" }, "\u00a0"), element("div", { class: "actions" })));
}
