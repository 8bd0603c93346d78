// The operator's tab: how this process fares, which versions there are, what one request went through, the model's card.
import { sections, table } from "/ui/about.js";
import { ask, AskError } from "/ui/api.js";
import { element } from "/ui/element.js";
import { catalog, learn } from "/ui/films.js";
import { listed, whose } from "/ui/group.js";
import { picture } from "/ui/picture.js";
import { requestOf } from "/ui/results.js";
import { current } from "/ui/state.js";

const EVERY_MS = 5000;
const panel = document.getElementById("panel-operator");
const section = (id, title) => element("section", { id, "aria-labelledby": `${id}-title` },
  element("h2", { id: `${id}-title` }, title), element("div", { class: "body" }, "One moment…"));
let timer;
let watching = false;

const whole = (value) => value.toLocaleString("en");
const ms = (value) => (value === null ? "none yet" : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`);

function since(seconds) {
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
    ["Up for", since(now.uptime_s)], ["Requests", whole(now.requests.total)], ["Errors", whole(now.requests.errors)],
    ["Half within", ms(now.latency_ms.p50)], ["95 % within", ms(now.latency_ms.p95)], ["99 % within", ms(now.latency_ms.p99)],
  ];
  return [
    element("p", { class: "hint" }, `Of ${now.scope}.`),
    element("dl", { class: "tiles" }, ...tiles.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
    shares("Recommendations by who chose the candidates", now.served_by), shares("Answers that were less than asked for", now.degraded),
    shares("Requests refused because of load", now.shed),
  ];
}

function versions(now) {
  const rows = now.versions.map((version) => [
    version.version, version.current ? "current" : version.refused ? "refused" : "",
    version["ndcg@10"] === null ? "–" : version["ndcg@10"].toFixed(3), version.ci95 ? version.ci95.map((end) => end.toFixed(3)).join("–") : "–",
  ]);
  const parts = [element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Versions" },
    table("In the store, newest first", ["", "state", "NDCG@10", "95 % interval"], rows))];
  if (now.rollback) parts.push(element("p", {}, "To go back to the model before:"), element("pre", { tabindex: "0" }, now.rollback));
  if (now.sweep) {
    parts.push(element("h3", {}, "The sweep that chose the dials"), element("img", { class: "sweep", src: "/v1/operations/sweep.png", alt: "Accuracy against variety and novelty for the settings that were tried" }));
  }
  return parts;
}

async function fill(id, work) {
  const body = document.querySelector(`#${id} .body`);
  try {
    const parts = await work();
    if (parts) body.replaceChildren(...parts);
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    body.replaceChildren(element("p", { role: "status" }, error.message));
  }
}

async function look() {
  clearTimeout(timer);
  let now;
  await fill("load", async () => { now = await ask("operations", "/v1/operations"); return now && load(now); });
  // Drawn again only when they changed: somebody may be reading or copying.
  const key = now && JSON.stringify([now.versions, now.rollback, now.sweep]);
  if (key && key !== look.key) { look.key = key; await fill("versions", () => versions(now)); }
  if (watching) timer = setTimeout(look, EVERY_MS); // the tab may have been left while the answer was awaited
}

async function explain() {
  const state = current();
  const likes = state.likes.length ? state.likes : (catalog.popular ?? []).slice(0, 3).map((film) => film.movie_id);
  if (!likes.length) return [element("p", {}, "There are no films yet.")];
  await learn([...state.dislikes, ...state.hidden]);
  // The picture is of one person's request; with several it is that of the one who is selected.
  const told = await ask("explain", "/v1/explain", { ...requestOf({ ...state, likes, people: [] }), top_n: 12 });
  const name = state.people[state.who]?.name;
  const picked = name ? `A request for ${whose(name)} films alone, since the picture is of one person` : "Your request of the other tab";
  const about = state.likes.length ? picked : `A request for three popular films, since ${listed([name ?? "You"])} picked none`;
  return told && [element("p", { class: "hint" }, `${about}, as the stages saw it.`), ...picture(told, document.querySelector("#request .body").clientWidth)];
}

async function card() {
  const told = await ask("card", "/v1/model");
  return told && [element("div", { class: "operator-card" }, ...sections(told))];
}

/** Shows the tab, and keeps its figures fresh until `rest`. */
export function watch() {
  watching = true;
  if (!panel.children.length) {
    panel.append(section("load", "This server"), section("versions", "Models"), section("request", "One request as a picture"), section("card", "Model card"));
  }
  look();
  fill("card", card);
  fill("request", explain);
}

export function rest() {
  watching = false;
  clearTimeout(timer);
}
