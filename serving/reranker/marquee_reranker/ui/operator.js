// The operator's tab: load of this process, versions in the store, one request as a picture, the model card.
import { sections } from "./about.js";
import { ask, at, attempt } from "./api.js";
import { catalog, say } from "./catalog.js";
import { $, element, shape, table } from "./dom.js";
import { learn, withYear } from "./films.js";
import { requestOf } from "./results.js";
import { current } from "./state.js";
import { joinNames, possessive, whole } from "./words.js";

const EVERY_MS = 5000;
let timer;
let watching = false;

// Load and versions

const ms = (value) => (value === null ? "none yet" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

function duration(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return days ? `${days} d ${hours} h` : hours ? `${hours} h ${minutes} min` : `${minutes} min`;
}

function shares(title, counts) {
  const total = Object.values(counts).reduce((a, b) => a + b, 0);
  if (!total) return element("p", { class: "hint" }, `${title}: none.`);
  return table(title, ["", "times", "share"], Object.entries(counts).map(([name, n]) => [
    name.replaceAll("_", " "), whole(n), `${Math.round(100 * n / total)} %`]));
}

function load(now) {
  const tiles = [
    ["Uptime", duration(now.uptime_s)], ["Requests", whole(now.requests.total)], ["Errors", whole(now.requests.errors)],
    ["Median latency", ms(now.latency_ms.p50)], ["95th percentile", ms(now.latency_ms.p95)], ["99th percentile", ms(now.latency_ms.p99)],
  ];
  return [
    element("p", { class: "hint" }, `Of ${now.scope}.`),
    ...(now.store ? [element("p", { role: "status" }, `The store of models can't be reached; the loaded model is served: ${now.store}`)] : []),
    element("dl", { class: "tiles" }, ...tiles.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
    shares("Recommendations by rung", now.served_by), shares("Degraded answers by reason", now.degraded),
    shares("Requests refused because of load", now.shed),
  ];
}

function scrollable(label, content) {
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, content);
}

function versions(now) {
  const rows = now.versions.map((version) => [
    version.version, version.current ? "current" : version.refused ? "refused" : "",
    version["ndcg@10"]?.toFixed(3) ?? "–", version.ci95?.map((end) => end.toFixed(3)).join("–") ?? "–",
  ]);
  const parts = [scrollable("Versions", table("In the store, newest first", ["", "state", "NDCG@10 at novelty 0", "95 % interval"], rows))];
  if (now.rollback && now.versions.length > 1) parts.push(element("p", {}, "To roll back to the previous model:"), element("pre", { tabindex: "0" }, now.rollback));
  if (now.sweep) {
    const alt = "Accuracy against variety and novelty for the settings that were tried";
    parts.push(element("h3", {}, "The sweep that chose the dials"), element("img", { class: "sweep", src: at("/v1/operations/sweep.png"), alt }));
  }
  return parts;
}

// One request as a picture: candidates, the blend's terms as stacked bars, and the order in which MMR took the films.

const TERMS = {
  tower: ["Two-Tower", "#3b7dd8"], item_cf: ["liked together", "#d9822b"], history: ["long histories", "#8a6fd1"],
  genre: ["genres", "#2e9e6b"], year: ["years", "#b8a02c"], popularity: ["popularity", "#c2528b"], dislikes: ["dislikes", "#d04a3a"],
  boost: ["boosts", "#3f8f9c"],
};
const NAMES = Object.values(TERMS).map(([name]) => name);
const ROW = 34;
const MOST_ROWS = 16;
const WIDE = 600;

const text = (x, y, words, attributes = {}) => shape("text", { x, y, ...attributes }, words);
const rect = (x, y, width, height, name, ...children) => shape("rect", { x, y, width, height, fill: TERMS[name][1] }, ...children);
const drawing = (width, height, ...children) => shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...children);
const cut = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

function candidates(answer, width) {
  const { n_candidates: total, n_from_tower: retrieved, n_added_by_item_cf: added } = answer;
  const share = total ? retrieved / total : 0;
  return drawing(width, 62,
    text(0, 14, `${retrieved} retrieved by the Two-Tower`), text(width, 14, `${added} added`, { "text-anchor": "end" }),
    rect(0, 22, width * share, 14, "tower"), rect(width * share, 22, width * (1 - share), 14, "item_cf"),
    text(0, 54, `${total} candidates; the first by blended score follow`, { class: "soft" }));
}

// A film's terms: positive ones to the right of the line at `zero`, negative ones to the left.
function bar(film, zero, scale, y) {
  let [right, left] = [zero, zero];
  return Object.entries(film.terms).filter(([, value]) => Math.abs(value) > 0.005).map(([name, value]) => {
    const width = Math.abs(value) * scale;
    const x = value > 0 ? right : left - width;
    if (value > 0) right += width;
    else left -= width;
    return rect(x, y, width, 11, name, shape("title", {}, `${TERMS[name][0]}: ${value.toFixed(2)}`));
  });
}

const sums = (film) => Object.values(film.terms).reduce(([up, down], value) => [up + Math.max(value, 0), down + Math.max(-value, 0)], [0, 0]);

function stages(films, width) {
  const wide = width > WIDE;
  const height = films.length * ROW + 30;
  const order = wide ? 270 : 70; // room for the lines to MMR's order
  const bars = width - order - 12;
  const [up, down] = films.map(sums).reduce(([a, b], [c, d]) => [Math.max(a, c), Math.max(b, d)], [0.01, 0]);
  const scale = bars / (up + down);
  const zero = down * scale;
  const shown = films.filter((film) => film.shown_at !== null).sort((a, b) => a.mmr_step - b.mmr_step);
  const [a, b] = [width - order, width - order + (wide ? 56 : 46)];
  return drawing(width, height,
    text(0, 12, "By blended score", { class: "soft" }), text(width - order + 62, 12, wide ? "In MMR's order" : "", { class: "soft" }),
    shape("line", { x1: zero, x2: zero, y1: 22, y2: height, class: "axis" }),
    ...films.flatMap((film, index) => {
      const y = 30 + index * ROW;
      const row = [text(0, y + 6, cut(`${film.score_rank}  ${withYear(film.movie)}`, Math.floor(bars / 6.6))), ...bar(film, zero, scale, y + 11)];
      if (film.shown_at === null) return row;
      const to = 30 + shown.indexOf(film) * ROW + 10;
      return [...row, shape("path", { d: `M${a} ${y + 10} C${(a + b) / 2} ${y + 10} ${(a + b) / 2} ${to} ${b} ${to}`, class: "way" }),
        text(b + 6, to + 4, wide ? cut(`${film.mmr_step}  ${film.movie.title}`, 30) : String(film.mmr_step))];
    }));
}

const legend = () => element("ul", { class: "legend", "aria-hidden": "true" }, ...Object.entries(TERMS).map(([name, [words]]) => (
  element("li", {}, shape("svg", { width: 11, height: 11 }, rect(0, 0, 11, 11, name)), words))));

// A drawing of an answer of /v1/explain, and the same as a table.
function picture(answer, width) {
  const drawn = Math.max(280, Math.min(width, 1000));
  // All films shown, so that every line has both ends, and the best of those that MMR passed over; in order of the score.
  const shown = answer.films.filter((film) => film.shown_at !== null);
  const passed = answer.films.filter((film) => film.shown_at === null).slice(0, Math.max(0, MOST_ROWS - shown.length));
  const films = [...shown, ...passed].sort((a, b) => a.score_rank - b.score_rank);
  const rows = films.map((film) => [withYear(film.movie), film.tower_rank ?? "–", film.score_rank, film.mmr_step ?? "–",
    film.score.toFixed(2), ...Object.keys(TERMS).map((name) => (film.terms[name] ?? 0).toFixed(2))]); // boost is left out where there is none
  const caption = "Place by the Two-Tower, by score and by MMR; then the terms of the score";
  return [
    element("p", {}, "Liked: ", element("b", {}, answer.seeds.map(withYear).join(", ") || "nothing that is known here")),
    element("div", { class: "picture" }, candidates(answer, drawn), legend(), stages(films, drawn)),
    element("details", {}, element("summary", {}, "The same in figures"),
      scrollable("The request in figures", table(caption, ["", "tower", "score", "MMR", "sum", ...NAMES], rows))),
  ];
}

async function explain() {
  const state = current();
  const likes = state.likes.length ? state.likes : (catalog.popular ?? []).slice(0, 3).map((film) => film.movie_id);
  if (!likes.length) return [element("p", {}, say`There are no films yet.`)];
  // One person's request; of several people it is the selected one's.
  const answer = await ask("explain", "/v1/explain", { ...requestOf({ ...state, likes, people: [] }), top_n: 12 });
  const name = state.people[state.who]?.name;
  const picked = name ? say`A request for ${possessive(name)} films alone, since the picture is of one person` : "Your request of the other tab";
  const about = state.likes.length ? picked : say`A request for three popular films, since ${joinNames([name ?? "You"])} picked none`;
  return [element("p", { class: "hint" }, `${about}, as the stages saw it.`), ...picture(answer, $("request").clientWidth)];
}

// The tab

function fill(id, work) {
  const show = (parts) => $(id).querySelector(".body").replaceChildren(...parts);
  return attempt(async () => show(await work()), (error) => show([element("p", { role: "status" }, error.message)]));
}

async function look() {
  clearTimeout(timer);
  let now;
  await fill("load", async () => load(now = await ask("operations", "/v1/operations")));
  // Drawn again only when it changed: somebody may be reading or copying.
  const key = now && JSON.stringify([now.versions, now.rollback, now.sweep]);
  if (key && key !== look.key) { look.key = key; await fill("versions", () => versions(now)); }
  if (watching) timer = setTimeout(look, EVERY_MS); // the tab may have been left meanwhile
}

/** Shows the tab, and keeps its figures fresh until `rest`. */
export function watch() {
  watching = true;
  look();
  fill("card", async () => [element("div", { class: "model-card" }, ...sections(await ask("card", "/v1/model")))]);
  fill("request", explain);
}

export function rest() {
  watching = false;
  clearTimeout(timer);
}
