// Three ways to name films: the search for titles (a combobox as in the ARIA Authoring Practices), a wish in words, and
// ready-made tastes.
import { ask, attempt, stop } from "./api.js";
import { catalog, isFilms, say } from "./catalog.js";
import { toast } from "./choices.js";
import { $, element, goToResults } from "./dom.js";
import { learn, nameOf, remember, short, withYear } from "./films.js";
import { onLists } from "./lists.js";
import { change, current, isRated, onChange, put } from "./state.js";
import { forSelected, joinNames } from "./words.js";

const WAIT_MS = 90;
const N_SURPRISE = 3;
const search = $("search");
const options = $("suggestions");
let suggestions = [];
let active = -1;
let timer;

async function suggest() {
  const query = search.value.trim();
  if (!query) return closeList();
  await attempt(async () => {
    const { movies } = await ask("search", `/v1/movies?limit=8&q=${encodeURIComponent(query)}`);
    if (search.value.trim() !== query) return;
    movies.forEach(remember);
    suggestions = movies.filter((film) => !current().likes.includes(film.movie_id));
    const newest = catalog.years?.length ? `; the newest here are from ${catalog.years[1]}` : "";
    if (suggestions.length) showList(suggestions.length === 1 ? say`1 film found.` : say`${suggestions.length} films found.`);
    else showList(movies.length ? "You have picked that one." : say`No film has “${query}” in its title${newest}.`);
  }, (error) => { suggestions = []; showList(error.message); });
}

function showList(message) {
  $("search-status").textContent = message;
  const items = suggestions.map((film, index) => element(
    "li", { role: "option", id: `option-${index}`, onmousedown: (event) => { event.preventDefault(); pick(film); } },
    element("span", { class: "title" }, withYear(film)), element("span", { class: "hint" }, film.genres.join(", ")),
  ));
  options.replaceChildren(...(items.length ? items : [element("li", { class: "none", role: "option", "aria-disabled": "true" }, message)]));
  options.hidden = false;
  search.setAttribute("aria-expanded", "true");
  highlight(items.length ? 0 : -1);
}

function closeList() {
  clearTimeout(timer);
  stop("search");
  suggestions = [];
  options.hidden = true;
  search.setAttribute("aria-expanded", "false");
  highlight(-1);
}

function highlight(index) {
  active = index;
  [...options.children].forEach((option, at) => option.setAttribute("aria-selected", at === active));
  options.children[active]?.scrollIntoView({ block: "nearest" });
  if (active >= 0) search.setAttribute("aria-activedescendant", `option-${active}`);
  else search.removeAttribute("aria-activedescendant");
}

function pick(film) {
  search.value = "";
  closeList();
  put("likes", film.movie_id, `${film.title} added${forSelected(current())}.`);
}

search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT_MS);
});
search.addEventListener("focus", () => search.value.trim() && suggest());
search.addEventListener("blur", closeList);
search.addEventListener("keydown", (event) => {
  const count = suggestions.length;
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
    highlight((active + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
  } else if (event.key === "Enter" && active >= 0) {
    pick(suggestions[active]);
  } else if (event.key === "Escape") {
    closeList();
  } else if (event.key === "Backspace" && !search.value && current().likes.length) {
    const id = current().likes.at(-1);
    put(null, id, `${nameOf(id)} removed.`);
  } else return;
  event.preventDefault();
});

// A wish in words: the server parses it by rules, and its parts join what is chosen already.

const union = (old, added) => [...new Set([...old, ...added])];
const less = (old, taken) => old.filter((value) => !taken.includes(value));

// What a wish changes in `state`. The later word counts: "no horror" after "horror".
function patchOf({ movie_ids: likes = [], disliked_movie_ids: dislikes = [], filters, novelty, diversity }, state) {
  const { genres_any: any = [], genres_none: none = [], year_min: from, year_max: to } = filters ?? {};
  const patch = {
    likes: union(less(state.likes, dislikes), likes), dislikes: union(less(state.dislikes, likes), dislikes),
    hidden: less(state.hidden, likes), any: union(less(state.any, none), any), none: union(less(state.none, any), none),
    from: from ?? state.from, to: to ?? state.to, diversity: diversity ?? state.diversity, novelty: novelty ?? state.novelty, near: null,
  };
  // "After 2000" said after "before 1990" replaces it instead of leaving no year at all.
  if ((from ?? to) && patch.from && patch.to && patch.from > patch.to) Object.assign(patch, { from: from ?? null, to: to ?? null });
  return patch;
}

// The parts as a person would say them: a span of years is one thing, and so are genres of which any will do.
function summary(parts, { year_min: from, year_max: to } = {}) {
  const span = from && to ? (from === to ? `of ${from}` : `${from} to ${to}`) : null;
  const genres = parts.filter(({ kind }) => kind === "genre_any").map(({ label }) => label).join(" or ");
  const words = parts.map(({ kind, label }) => (kind === "genre_any" ? genres : span && kind.startsWith("year") ? span : label));
  return [...new Set(words)].join(", ");
}

const NAMES = (catalog.popular ?? []).map(({ title }) => short(title)).filter((title) => title.length < 40).slice(0, 3);
const EXAMPLES = isFilms ? ["like Alien but funny, 90s", "like Amelie, before 1970", "like The Godfather, after 2000, no war"]
  : NAMES.map((title) => `like ${title}`);
const KNOWN = joinNames(["titles", catalog.genres?.length && "genres", catalog.years?.length && "years", "fame"].filter(Boolean));
const HELP = isFilms ? "This line knows titles, genres, years and fame, but no people, studios, countries or moods." : `This line knows ${KNOWN}.`;
if (!isFilms) {
  search.placeholder = NAMES.length ? `Type a title, such as “${NAMES[0]}”` : "Type a title";
  $("sentence").placeholder = EXAMPLES[0] ?? "";
  $("tastes-title").hidden = !catalog.tastes?.length;
}
const KEYS = { like: "likes", dislike: "dislikes" };

// The request without the films that are only guesses.
function certain({ request, parts }) {
  const guessed = parts.filter(({ choices }) => choices).map(({ value }) => value);
  const sure = (ids = []) => less(ids, guessed);
  return { ...request, movie_ids: sure(request.movie_ids), disliked_movie_ids: sure(request.disliked_movie_ids) };
}

// A wish has the server's numbers of films, of which the page knows the films.
async function withOwnIds({ request, parts, ...rest }) {
  const named = parts.filter(({ kind }) => kind in KEYS);
  const numbers = catalog.own_ids ? union(named.map(({ value }) => value), named.flatMap(({ choices = [] }) => choices.map(({ movie_id: id }) => id))) : [];
  const own = new Map(await Promise.all(numbers.map(async (number) => {
    const film = await ask(`number ${number}`, `/v1/movies/${number}`);
    remember(film);
    return [number, film.movie_id];
  })));
  const idOf = (number) => own.get(number) ?? number;
  const { movie_ids: likes = [], disliked_movie_ids: dislikes = [] } = request;
  return {
    ...rest, request: { ...request, movie_ids: likes.map(idOf), disliked_movie_ids: dislikes.map(idOf) },
    parts: parts.map((part) => ({ ...part, value: idOf(part.value), ...(part.choices && { choices: part.choices.map((one) => ({ ...one, movie_id: idOf(one.movie_id) })) }) })),
  };
}

// A question for each guess: a button takes a film, and the question goes.
function question({ text, kind, choices }) {
  const newest = catalog.years?.length ? say` The newest films here are from ${catalog.years[1]}.` : "";
  const words = choices.length > 1 ? "one of these?" : `this?${newest}`;
  const line = element("p", { class: "choices" }, `“${text}”: did you mean ${words}`, ...choices.map(({ movie_id: id, label }) => element("button", {
    type: "button", class: "quiet", onclick: async () => {
      line.remove();
      await learn([id]);
      put(KEYS[kind], id, kind === "like" ? `${label} added${forSelected(current())}.` : `Less like ${label}${forSelected(current())}.`);
      $("sentence").focus();
    },
  }, label)));
  return line;
}

function report({ request, parts, not_understood: rest }) {
  const lines = [];
  const sure = parts.filter(({ choices }) => !choices);
  if (sure.length) lines.push(["Understood: ", element("b", {}, summary(sure, request.filters)), "."]);
  if (rest.length) {
    const texts = rest.map((text) => `“${text}”`).join(", ");
    lines.push([`Not understood: ${texts}. ${HELP}`]);
  }
  if (!parts.length) lines.push([isFilms ? "Try a film’s title, a genre or years." : say`Try a film’s title.`]);
  $("heard").replaceChildren(...lines.map((line) => element("p", {}, ...line)), ...less(parts, sure).map(question));
}

$("sentence-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("sentence").value.trim();
  if (text) attempt(async () => {
    const answer = await withOwnIds(await ask("sentence", `/v1/understand?q=${encodeURIComponent(text)}`));
    report(answer);
    if (!answer.parts.length) return;
    const request = certain(answer);
    await learn([...request.movie_ids, ...request.disliked_movie_ids]);
    $("sentence").value = "";
    change(patchOf(request, current()), "Added. Change or remove them above.");
  }, (error) => $("heard").replaceChildren(element("p", {}, error.message)));
});

$("examples").append(...EXAMPLES.flatMap((text, index) => [index ? "; " : ": ", element("button", {
  type: "button", class: "link", onclick: () => { $("sentence").value = text; $("sentence-form").requestSubmit(); },
}, text)]));

// Ready-made tastes, and films drawn at random.

function take(films, words, genres) {
  // The filters are everybody's, so one person's taste sets none.
  const filters = genres && !current().people.length ? { any: genres, none: less(current().none, genres) } : {};
  change({ likes: films.map((film) => film.movie_id), dislikes: [], near: null, ...filters }, `${words}${forSelected(current())}.`);
  goToResults();
}

$("taste-list").append(...(catalog.tastes ?? []).map(({ name, films, genres }) => element("li", {}, element("button", {
  type: "button", title: films.map((film) => film.title).join(", "), onclick: () => take(films, `${name} chosen`, genres),
}, name))));

$("surprise").addEventListener("click", () => attempt(async () => {
  const { movies } = await ask("surprise", `/v1/movies/sample?n=${N_SURPRISE}`);
  movies.forEach(remember);
  take(movies, `Drawn for you: ${movies.map((film) => film.title).join(", ")}`);
}, (error) => toast(error.message)));

// Once films are chosen, the examples make room for them; "Start over" brings them back.
const showExamples = () => {
  $("tastes").hidden = current().likes.length > 0 || isRated(current());
  $("examples").hidden = $("tastes").hidden || !EXAMPLES.length;
};
onChange(showExamples);
onLists(showExamples);
showExamples();
