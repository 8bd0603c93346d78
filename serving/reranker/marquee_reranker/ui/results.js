// The list of films: asks for it when what is wanted has changed, shows it, and says what went wrong and what happens next.
import { ask, AskError, attempt, stop } from "./api.js";
import { catalog, say } from "./catalog.js";
import { card } from "./cards.js";
import { $, goToResults, nameDocument, replaceItems } from "./dom.js";
import { addressOf, learn, nameOf } from "./films.js";
import { listed, MOST_RATINGS, onLists, ratings } from "./lists.js";
import { change, current, isGroup, isRated, NO_FILTERS, onChange, requesters, sameList, unwanted } from "./state.js";
import { degraded, joinNames, possessive, servedBy } from "./words.js";

const PAGE = 12;
const MOST = 96;
const MOST_NAMED = 4;
const BUTTONS = ["more", "back", "reroll", "unfilter"];
let topN = PAGE;
let timer;
let failures = 0;
let turn = 0; // number of the newest refresh; what an older one brings is ignored
let starters = catalog.popular ?? [];

/** The films of the list by id, with their scores and explanations, and the names of those whom it is for. */
export const shown = { films: new Map(), names: [] };

// "From 2000 to 1990" can only mean the years between them.
const span = ({ from, to }) => (from !== null && to !== null && from > to ? { from: to, to: from } : { from, to });
const filtered = (state) => state.any.length + state.none.length > 0 || state.from !== null || state.to !== null;
const hasMore = (films) => films.length >= topN && topN < MOST && "more";

function filtersOf(state) {
  const filters = { genres_any: state.any, genres_none: state.none };
  const { from, to } = span(state);
  if (from !== null) filters.year_min = from;
  if (to !== null) filters.year_max = to;
  return filters;
}

/** The body of a request for recommendations; people without films are left out of it. */
export function requestOf(state) {
  const filters = filtersOf(state);
  const tastes = requesters(state).map(({ likes, dislikes }) => ({ movie_ids: likes, disliked_movie_ids: dislikes }));
  const excluded = [...new Set([...state.hidden, ...(isRated(state) ? [] : listed("seen").keys())])].slice(0, MOST_RATINGS);
  const body = { ...(tastes.length > 1 ? { people: tastes } : tastes[0]), exclude_movie_ids: excluded, filters };
  if (isRated(state)) body.ratings = ratings();
  if (state.mix && tastes.length === 1) body.several_interests = true;
  if (state.series) body.one_per_franchise = true;
  for (const name of ["diversity", "novelty"]) if (state[name] !== null) body[name] = state[name];
  body.novelty ??= catalog.novelty;
  return body;
}

function fits(film, state) {
  const { from, to } = span(state);
  const has = (names) => film.genres.some((name) => names.includes(name));
  return (!state.any.length || has(state.any)) && !has(state.none)
    && (from === null || (film.year ?? 0) >= from) && (to === null || (film.year && film.year <= to));
}

async function begin(state) {
  let films = starters;
  if (state.any.length) films = (await ask("list", `/v1/movies/sample?n=50&seed=1&genre=${encodeURIComponent(state.any[0])}`)).movies;
  else stop("list");
  const wanted = ({ genres }) => genres.filter((name) => state.any.includes(name)).length; // a romcom before other comedies
  const shown = films.filter((film) => fits(film, state) && !unwanted(state).includes(film.movie_id))
    .sort((a, b) => wanted(b) - wanted(a)).slice(0, PAGE);
  let words = say`Search for a film or two, and recommendations appear here.`;
  if (shown.length) words = say`Like a film or two here, search for one, or start from a taste.`;
  else if (filtered(state)) words = say`No well-known film fits these filters. Search for a film you like, or remove the filters.`;
  show(shown, { title: "Where to begin", words, buttons: [!shown.length && filtered(state) && "unfilter", shown.length && !state.any.length && "reroll"] });
}

async function near(state) {
  const { genres_any: any, genres_none: none, ...years } = filtersOf(state);
  const query = new URLSearchParams({ top_n: topN, ...years });
  any.forEach((name) => query.append("genres_any", name));
  none.forEach((name) => query.append("genres_none", name));
  const [{ movies }] = await Promise.all([addressOf(state.near, "near").then((address) => ask("list", `${address}/similar?${query}`)), learn([state.near])]);
  const words = `For anybody who likes it${filtered(state) ? ", within your filters" : ""}. Your own recommendations are kept.`;
  show(movies.filter((film) => !listed("seen").has(film.movie_id)), { title: say`Films like ${nameOf(state.near)}`, words, buttons: ["back", hasMore(movies)] });
}

async function recommend(state) {
  const started = performance.now();
  const group = isGroup(state);
  const people = requesters(state).length ? requesters(state) : [state];
  const rated = isRated(state) && listed("seen").size;
  const [answer] = await Promise.all([
    ask("list", "/v1/recommendations", { ...requestOf(state), top_n: topN, explain: true }), learn(people[0].likes.slice(0, 1)),
  ]);
  const names = group ? people.map(({ name }) => name) : [];
  const films = answer.recommendations.filter((film) => !unwanted(state).includes(film.movie_id));
  const known = (id) => !answer.unknown_ids.includes(id);
  const strangers = people.filter(({ likes }) => group && !likes.some(known)).map(({ name }) => possessive(name));
  const note = (reason) => (reason === "no_known_seeds" && strangers.length
    ? say`None of ${joinNames(strangers)} films is known here.` : degraded(reason));
  const first = rated ? "my ratings" : nameOf(people[0].likes[0]);
  show(films, {
    name: group ? undefined : people[0].likes.length > 1 && !rated ? `Like ${first} and ${people[0].likes.length - 1} more` : `Like ${first}`,
    title: group ? `Recommendations for ${names.length > MOST_NAMED ? `the ${names.length} of you` : joinNames(names)}` : "Recommendations",
    words: films.length ? servedBy(answer.served_by, people[0].likes.filter(known).length, group, rated)
      : say`No film fits these filters. Widen the years or remove a genre.`,
    names, notes: films.length ? [...new Set([...answer.degraded.map(note), ...(answer.notes ?? []).map(({ detail }) => detail)])] : [],
    buttons: [hasMore(answer.recommendations), !films.length && filtered(state) && "unfilter"],
  });
  $("model").textContent = `· model ${answer.model_version} · answered in ${Math.round(performance.now() - started)} ms`;
}

function show(films, { title, name = title, words, names = [], notes = [], buttons }) {
  Object.assign(shown, { films: new Map(films.map((film) => [film.movie_id, film])), names });
  if (current().tab !== "operator") nameDocument(name);
  const action = document.activeElement.dataset?.action;
  $("results-title").textContent = title;
  $("status").textContent = words;
  $("notes").textContent = notes.join(" ");
  $("notes").hidden = !notes.length;
  for (const id of BUTTONS) $(id).hidden = !buttons.includes(id);
  replaceItems($("films"), films.map((film) => card(film, names)), `[data-action=${action}]`, $("results"));
}

function failed({ message, offline, retryAfter }) {
  const temporary = offline || retryAfter > 0;
  const kept = temporary && $("films").querySelector("li:not(.skeleton)");
  $("trouble").hidden = false;
  $("trouble").classList.toggle("offline", offline);
  $("trouble-text").textContent = message + (kept && offline ? " What you see stays." : "") + (temporary ? " This page tries again by itself." : "");
  if (!kept) { $("films").replaceChildren(); $("more").hidden = true; }
  if (!temporary) $("status").textContent = "";
  clearTimeout(timer);
  failures += 1;
  if (temporary) timer = setTimeout(refresh, Math.min(30000, 1000 * Math.max(retryAfter, 2 ** failures)));
}

async function refresh() {
  const state = current();
  turn += 1;
  const mine = turn;
  clearTimeout(timer);
  const load = state.near ? near : requesters(state).length || isRated(state) ? recommend : begin;
  if (!$("films").children.length && load !== begin) $("films").replaceChildren(...Array.from({ length: PAGE }, () => $("skeleton").content.cloneNode(true)));
  $("results").setAttribute("aria-busy", "true");
  let error;
  await attempt(() => load(state), (problem) => { error = problem; });
  if (mine !== turn) return;
  if (error) failed(error);
  else { failures = 0; $("trouble").hidden = true; }
  $("results").removeAttribute("aria-busy");
}

const act = (id, action) => $(id).addEventListener("click", () => { action(); goToResults(); });
act("retry", refresh);
act("back", () => change({ near: null }, "Your own recommendations again."));
act("unfilter", () => change(NO_FILTERS, "Filters removed."));
$("more").addEventListener("click", () => { topN = Math.min(topN + PAGE, MOST); refresh(); });
$("reroll").addEventListener("click", () => attempt(async () => {
  starters = (await ask("reroll", `/v1/movies/sample?n=${PAGE}`)).movies;
  refresh();
}, failed));
window.addEventListener("online", refresh);
window.addEventListener("offline", () => failed(new AskError("You are offline.")));
onLists(refresh);
onChange((state, before) => {
  if (sameList(state, before)) return;
  topN = PAGE;
  refresh();
});
refresh();
