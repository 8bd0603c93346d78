// The page: pick films, ask the API, show what it says. No build step, no dependencies.
import { element } from "/ui/element.js";
import { poster } from "/ui/poster.js";

const $ = (id) => document.getElementById(id);
const catalog = JSON.parse($("catalog").textContent);
const PAGE = 12;
const MOST = 96;
const picked = new Map(); // movie_id -> title, in the order of picking
let topN = PAGE;
let suggestions = [];
let active = -1;

const SERVED_BY = {
  two_tower: "Chosen by the Two-Tower model from your films.",
  item_cf: "Chosen by films that people like together, a simpler model that stands in for the first.",
  popularity: "Films that many people like: there was nothing of yours to go by.",
};
const NOTES = {
  fewer_films_than_asked: "Few films fit these filters.",
  no_known_seeds: "None of the picked films is known here.",
  seeds_without_neighbors: "Too little is known about the picked films.",
  version_skew: "A new model is just arriving.",
};

const withYear = (film) => (film.year ? `${film.title} (${film.year})` : film.title);

/* Asking ------------------------------------------------------------------------------------------------------- */

const running = {};

// Sends a request; a newer one of the same kind ends the older, so that answers never arrive out of order.
async function ask(kind, url, options = {}) {
  running[kind]?.abort();
  running[kind] = new AbortController();
  let response;
  try {
    response = await fetch(url, { ...options, signal: running[kind].signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server can't be reached. Is it running, and are you online?");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Error(response.status === 503 ? `Not just now: ${answer.detail}.` : answer.detail ?? `It answered ${response.status}.`);
}

function debounced(work, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

/* Search ------------------------------------------------------------------------------------------------------- */

const search = $("search");
const list = $("suggestions");

async function suggest() {
  const query = search.value.trim();
  if (!query) return closeList();
  try {
    const { movies } = await ask("search", `/v1/movies?limit=8&q=${encodeURIComponent(query)}`);
    suggestions = movies.filter((film) => !picked.has(film.movie_id));
    showList(suggestions.length ? `${suggestions.length} films found.` : `No film has “${query}” in its title.`);
  } catch (error) {
    if (error.name === "AbortError") return;
    suggestions = [];
    showList(error.message);
  }
}

function showList(message) {
  $("search-status").textContent = message;
  active = suggestions.length ? 0 : -1;
  const options = suggestions.map((film, index) => element(
    "li",
    { role: "option", id: `option-${index}`, "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); pick(film); } },
    element("span", { class: "title" }, withYear(film)), element("span", { class: "hint" }, film.genres.join(", ")),
  ));
  list.replaceChildren(...(options.length ? options : [element("li", { class: "none" }, message)]));
  list.hidden = false;
  search.setAttribute("aria-expanded", "true");
  highlight();
}

function closeList() {
  running.search?.abort();
  suggestions = [];
  active = -1;
  list.hidden = true;
  search.setAttribute("aria-expanded", "false");
  search.removeAttribute("aria-activedescendant");
}

function highlight() {
  [...list.children].forEach((option, index) => {
    if (option.role === "option") option.setAttribute("aria-selected", String(index === active));
    if (index === active) option.scrollIntoView({ block: "nearest" });
  });
  if (active >= 0) search.setAttribute("aria-activedescendant", `option-${active}`);
  else search.removeAttribute("aria-activedescendant");
}

search.addEventListener("input", debounced(suggest, 120));
search.addEventListener("focus", () => search.value.trim() && suggest());
search.addEventListener("blur", closeList);
search.addEventListener("keydown", (event) => {
  const count = suggestions.length;
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
    active = (active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    highlight();
  } else if (event.key === "Enter" && active >= 0) {
    pick(suggestions[active]);
  } else if (event.key === "Escape") {
    closeList();
  } else if (event.key === "Backspace" && !search.value && picked.size) {
    unpick([...picked.keys()].at(-1));
    return;
  } else return;
  event.preventDefault();
});

/* Picking ------------------------------------------------------------------------------------------------------ */

function pick(film) {
  if (picked.size >= 100) return;
  picked.set(film.movie_id, withYear(film));
  search.value = "";
  closeList();
  $("search-status").textContent = `${film.title} added.`;
  topN = PAGE;
  changed();
}

function unpick(id) {
  const position = [...picked.keys()].indexOf(id);
  $("search-status").textContent = `${picked.get(id)} removed.`;
  picked.delete(id);
  topN = PAGE;
  changed();
  // The focused button is gone: stay near, for those who use the keyboard.
  const left = $("picked").querySelectorAll("button");
  (left[Math.min(position, left.length - 1)] ?? search).focus();
}

function showPicked() {
  $("picked").replaceChildren(...[...picked].map(([id, title]) => element(
    "li", {}, element("button", { type: "button", "aria-label": `Remove ${title}`, onclick: () => unpick(id) },
      title, element("span", { "aria-hidden": "true" }, "×")),
  )));
}

/* Dials and filters -------------------------------------------------------------------------------------------- */

const form = $("dials").querySelector("form");
const touched = new Set(); // dials left alone use the model's own setting
const checked = () => [...$("genres").querySelectorAll("input:checked")].map((box) => box.value);

function showDials() {
  for (const name of ["diversity", "novelty"]) {
    const words = touched.has(name) ? `${Math.round(100 * $(name).value)} %` : "as tuned";
    document.querySelector(`output[for=${name}]`).textContent = words;
    $(name).setAttribute("aria-valuetext", words);
  }
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", (event) => {
  if (event.target.type === "range") touched.add(event.target.id);
  topN = PAGE;
  showDials();
  changedSoon();
});
form.querySelector("[type=button]").addEventListener("click", () => {
  form.reset();
  touched.clear();
  showDials();
  changed();
});

function request() {
  const filters = { genres_any: checked() };
  if ($("year-from").value) filters.year_min = Number($("year-from").value);
  if ($("year-to").value) filters.year_max = Number($("year-to").value);
  const asked = { movie_ids: [...picked.keys()], top_n: topN, explain: true, filters };
  for (const name of touched) asked[name] = Number($(name).value);
  return asked;
}

/* Results ------------------------------------------------------------------------------------------------------ */

async function recommend() {
  $("retry").hidden = true;
  if (!picked.size) {
    running.recommend?.abort();
    $("results").removeAttribute("aria-busy");
    const popular = catalog.popular ?? [];
    const words = popular.length ? ", or begin with one that many people like:" : ", and recommendations appear here.";
    show(popular, `Search for a film or two${words}`);
    return;
  }
  $("results").setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const answer = await ask("recommend", "/v1/recommendations", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request()),
    });
    learnTitles(answer);
    const films = answer.recommendations;
    const words = films.length ? SERVED_BY[answer.served_by] : "No film fits these filters. Widen the years or take away a genre.";
    show(films, words, answer.degraded.map((reason) => NOTES[reason] ?? `(${reason.replaceAll("_", " ")})`));
    $("model").textContent = `· model ${answer.model_version} · answered in ${Math.round(performance.now() - started)} ms`;
    $("more").hidden = films.length < topN || topN >= MOST;
  } catch (error) {
    if (error.name === "AbortError") return;
    show([], error.message);
    $("retry").hidden = false;
  }
  $("results").removeAttribute("aria-busy");
}

// A shared link has ids only; the explanations bring the titles.
function learnTitles(answer) {
  for (const { movie_id, title } of answer.recommendations[0]?.explanation?.because ?? []) {
    if (picked.get(movie_id) === `Film ${movie_id}`) picked.set(movie_id, title);
  }
  for (const id of answer.unknown_ids) picked.set(id, `Film ${id}, not known here`);
  showPicked();
}

function show(films, message, notes = []) {
  $("status").textContent = message;
  $("notes").textContent = notes.join(" ");
  $("notes").hidden = !notes.length;
  $("more").hidden = true;
  $("films").replaceChildren(...films.map(card));
}

function card(film) {
  const reasons = (film.explanation?.because ?? []).filter((seed) => seed.contribution > 0.05).slice(0, 2);
  return element("li", {}, element("article", { "aria-label": withYear(film) },
    element("div", { class: "poster" }, poster(film), element("h3", {}, film.title)),
    element("p", { class: "facts" }, [film.year, film.genres.join(", ")].filter(Boolean).join(" · ")),
    "affinity_score" in film ? affinity(film.affinity_score) : "",
    reasons.length ? element("p", { class: "because" }, "Because you liked ",
      ...reasons.flatMap((seed, index) => [index ? " and " : "", element("b", {}, seed.title)])) : "",
    element("button", { type: "button", class: "quiet", "aria-label": `I like ${film.title}`, onclick: () => {
      pick(film);
      $("results").focus();
    } }, picked.size ? "I like this too" : "I like this"),
  ));
}

function affinity(score) {
  const percent = Math.round(100 * score);
  const fill = element("span");
  fill.style.width = `${percent}%`;
  return element("p", { class: "affinity", title: "Of people with such taste, the share who liked a film with this score" },
    element("span", { class: "bar", "aria-hidden": "true" }, fill), `${percent} %`,
    element("span", { class: "visually-hidden" }, " likely that you like it"));
}

$("retry").addEventListener("click", () => { recommend(); $("results").focus(); });
$("more").addEventListener("click", () => { topN = Math.min(topN + PAGE, MOST); recommend(); });

/* The address carries everything, so that it can be shared ----------------------------------------------------- */

function address() {
  const parts = [];
  if (picked.size) parts.push(`films=${[...picked.keys()].join(",")}`);
  for (const name of ["diversity", "novelty"]) if (touched.has(name)) parts.push(`${name}=${$(name).value}`);
  if ($("year-from").value) parts.push(`from=${$("year-from").value}`);
  if ($("year-to").value) parts.push(`to=${$("year-to").value}`);
  if (checked().length) parts.push(`genres=${checked().map(encodeURIComponent).join(",")}`);
  return parts.length ? `#${parts.join("&")}` : location.pathname;
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const ids = (given.get("films") ?? "").split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0);
  const known = new Map([...picked, ...(catalog.popular ?? []).map((film) => [film.movie_id, withYear(film)])]);
  picked.clear();
  for (const id of ids.slice(0, 100)) picked.set(id, known.get(id) ?? `Film ${id}`);
  form.reset();
  touched.clear();
  for (const name of ["diversity", "novelty"]) {
    if (!given.has(name)) continue;
    $(name).value = given.get(name);
    touched.add(name);
  }
  $("year-from").value = given.get("from") ?? "";
  $("year-to").value = given.get("to") ?? "";
  const genres = (given.get("genres") ?? "").split(",");
  for (const box of $("genres").querySelectorAll("input")) box.checked = genres.includes(box.value);
  showDials();
  showPicked();
  recommend();
}

function changed() {
  history.replaceState(null, "", address());
  showPicked();
  recommend();
}
const changedSoon = debounced(changed, 200);

$("genres").append(...(catalog.genres ?? []).map((name) => element(
  "label", {}, element("input", { type: "checkbox", value: name }), name,
)));
$("genres").hidden = !catalog.genres?.length;
if (catalog.years?.length) {
  [$("year-from").placeholder, $("year-to").placeholder] = catalog.years;
}
$("dials").open = matchMedia("(min-width: 62rem)").matches || location.hash.includes("&");
window.addEventListener("hashchange", readAddress);
readAddress();
