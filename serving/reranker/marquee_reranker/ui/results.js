// The list of films: asks for it when what is wanted has changed, shows it, and says what went wrong and what now.
import { ask, AskError, stop } from "/ui/api.js";
import { card, skeleton } from "/ui/cards.js";
import { catalog, learn, nameOf } from "/ui/films.js";
import { asking, listed, together, unwanted, whose } from "/ui/group.js";
import { current, change, onChange } from "/ui/state.js";
import { write } from "/ui/share.js";
import { degraded, servedBy } from "/ui/words.js";

const PAGE = 12;
const MOST = 96;
const MOST_NAMED = 4;
const LATE_MS = 200; // a list that is dimmed for less only flickers, and dimming it takes longer than the answer
const $ = (id) => document.getElementById(id);
let topN = PAGE;
let timer;
let failures = 0;
let late;
let turn = 0; // of refreshes: an older one has nothing to say any more
let starters = catalog.popular ?? [];

// "From 2000 to 1990" can only mean the years between them.
const span = ({ from, to }) => (from !== null && to !== null && from > to ? { from: to, to: from } : { from, to });

const NO_FILTERS = { any: [], none: [], from: null, to: null };
const filtered = (state) => state.any.length + state.none.length > 0 || state.from !== null || state.to !== null;

/** The body for a state in which somebody has films; those who have none are left out of it. */
export function requestOf(state) {
  const filters = { genres_any: state.any, genres_none: state.none };
  const { from, to } = span(state);
  if (from !== null) filters.year_min = from;
  if (to !== null) filters.year_max = to;
  const tastes = asking(state).map(({ likes, dislikes }) => ({ movie_ids: likes, disliked_movie_ids: dislikes }));
  const asked = { ...(tastes.length > 1 ? { people: tastes } : tastes[0]), exclude_movie_ids: state.hidden, filters };
  if (state.mix && tastes.length === 1) asked.several_interests = true;
  if (state.series) asked.one_per_franchise = true;
  for (const name of ["diversity", "novelty"]) if (state[name] !== null) asked[name] = state[name];
  asked.novelty ??= catalog.novelty;
  return asked;
}

function fits(film, state) {
  const year = film.year ?? 0;
  const { from, to } = span(state);
  return !(state.any.length && !film.genres.some((name) => state.any.includes(name))) && !film.genres.some((name) => state.none.includes(name))
    && (from === null || year >= from) && (to === null || (year && year <= to));
}

async function begin(state) {
  let films = starters;
  if (state.any.length) {
    const answer = await ask("list", `/v1/movies/sample?n=50&seed=1&genre=${encodeURIComponent(state.any[0])}`);
    if (!answer) return;
    films = answer.movies;
  } else stop("list");
  const gone = unwanted(state);
  const wanted = ({ genres }) => genres.filter((name) => state.any.includes(name)).length; // a romcom before other comedies
  const shown = films.filter((film) => fits(film, state) && !gone.includes(film.movie_id)).sort((a, b) => wanted(b) - wanted(a)).slice(0, PAGE);
  show(shown, {
    title: "Where to begin", words: shown.length ? "Like a film or two here, search for one, or take a taste."
      : filtered(state) ? "No well-known film fits these filters. Search for a film you like, or remove the filters."
        : "Search for a film or two, and recommendations appear here.",
  });
  $("unfilter").hidden = shown.length > 0 || !filtered(state);
  $("reroll").hidden = state.any.length > 0 || !shown.length;
}

async function near(state) {
  const [answer] = await Promise.all([ask("list", `/v1/movies/${state.near}/similar?top_n=${topN}`), learn([state.near])]);
  if (!answer) return;
  show(answer.movies, { title: `Films like ${nameOf(state.near)}`, words: "For anybody who likes it. Your own recommendations are kept." });
  $("back").hidden = false;
  $("more").hidden = answer.movies.length < topN || topN >= MOST;
}

async function recommend(state) {
  const started = performance.now();
  const gone = unwanted(state);
  const answer = await ask("list", "/v1/recommendations", { ...requestOf(state), top_n: topN, explain: true });
  if (!answer) return;
  const films = answer.recommendations.filter((film) => !gone.includes(film.movie_id));
  const names = together(state) ? asking(state).map(({ name }) => name) : [];
  const words = films.length ? servedBy(answer.served_by, names.length) : "No film fits these filters. Widen the years or take away a genre.";
  const title = names.length ? `Recommendations for ${names.length > MOST_NAMED ? `the ${names.length} of you` : listed(names)}` : "Recommendations";
  const unknown = asking(state).filter(({ likes }) => names.length && likes.every((id) => answer.unknown_ids.includes(id)));
  const note = (reason) => (reason === "no_known_seeds" && unknown.length ? `None of ${listed(unknown.map(({ name }) => whose(name)))} films is known here.` : degraded(reason, names.length));
  show(films, { title, words, names, notes: films.length ? [...new Set(answer.degraded.map(note))] : [] });
  $("unfilter").hidden = films.length > 0 || !filtered(state);
  $("model").textContent = `· model ${answer.model_version} · answered in ${Math.round(performance.now() - started)} ms`;
  $("more").hidden = answer.recommendations.length < topN || topN >= MOST;
}

function show(films, { title, words, names = [], notes = [] }) {
  const focused = document.activeElement.closest?.("#films li");
  const at = focused && [...$("films").children].indexOf(focused);
  const action = document.activeElement.dataset?.action;
  $("results-title").textContent = title;
  $("status").textContent = words;
  $("notes").textContent = notes.join(" ");
  $("notes").hidden = !notes.length;
  for (const id of ["more", "back", "reroll", "unfilter"]) $(id).hidden = true;
  $("films").replaceChildren(...films.map((film) => card(film, names)));
  // The card with the focus is gone: the one in its place takes over, for those who use the keyboard.
  if (focused) ($("films").children[Math.min(at, films.length - 1)]?.querySelector(`[data-action=${action}]`) ?? $("results")).focus();
}

function failed(error) {
  const kept = $("films").querySelector("li:not(.skeleton)");
  $("trouble").hidden = false;
  const temporary = error.offline || error.again > 0;
  $("trouble-text").textContent = error.message + (kept && error.offline ? " What you see stays." : "") + (temporary ? " This page tries again by itself." : "");
  $("trouble").classList.toggle("offline", error.offline);
  if (!kept) $("films").replaceChildren();
  else if (!temporary) { $("films").replaceChildren(); $("more").hidden = true; }
  if (!temporary) $("status").textContent = "";
  clearTimeout(timer);
  failures += 1;
  if (temporary) timer = setTimeout(refresh, Math.min(30000, 1000 * Math.max(error.again, 2 ** failures)));
}

export async function refresh() {
  const state = current();
  turn += 1;
  const mine = turn;
  clearTimeout(timer);
  if (!$("films").children.length && (asking(state).length || state.near)) $("films").replaceChildren(...Array.from({ length: PAGE }, skeleton));
  $("results").setAttribute("aria-busy", "true");
  late ??= setTimeout(() => $("results").classList.add("waiting"), LATE_MS);
  try {
    await (state.near ? near(state) : asking(state).length ? recommend(state) : begin(state));
    if (mine !== turn) return;
    failures = 0;
    $("trouble").hidden = true;
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    if (mine !== turn) return;
    failed(error);
  }
  $("results").removeAttribute("aria-busy");
  clearTimeout(late);
  late = undefined;
  $("results").classList.remove("waiting");
}

$("retry").addEventListener("click", () => { refresh(); $("results").focus(); });
$("more").addEventListener("click", () => { topN = Math.min(topN + PAGE, MOST); refresh(); });
$("back").addEventListener("click", () => { change({ near: null }, "Your own recommendations again."); $("results").focus(); });
$("unfilter").addEventListener("click", () => { change(NO_FILTERS, "Filters removed."); $("results").focus(); });
$("reroll").addEventListener("click", async () => {
  try {
    const answer = await ask("reroll", `/v1/movies/sample?n=${PAGE}`);
    if (answer) starters = answer.movies;
    refresh();
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    failed(error);
  }
});
window.addEventListener("online", refresh);
window.addEventListener("offline", () => failed(new AskError("You are offline.")));
onChange((state, before) => {
  // Opening a tab or selecting a person changes nothing of what is wanted.
  const wanted = (it) => write({ ...it, tab: null, who: 0 });
  if (wanted(state) === wanted(before)) return;
  topN = PAGE;
  refresh();
});
refresh();
