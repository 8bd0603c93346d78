// "About this model": the model's card, asked for when somebody opens it. The dialog is the browser's own, so Escape
// closes it, focus stays inside, and goes back to where it was.
import { element } from "/ui/element.js";

const panel = document.getElementById("about");
const body = document.getElementById("about-body");
const opener = document.getElementById("about-open");

const MEANINGS = {
  "coverage@10": "share of the catalogue in anybody's list of ten",
  "head_share@10": "share of a list that is of the most liked tenth",
  "niche_ndcg@10": "NDCG@10 of people with niche taste",
  "ild@10": "variety of genres within a list, 0 to 1",
};
const SHARES = new Set(["coverage@10", "head_share@10"]);
const RUNGS = {
  two_tower: "as usual",
  item_cf: "while the first model is away",
  popularity: "with nothing of yours to go by",
};
const SEEDS = ["1", "3", "5", "10"];
const UNKNOWN = "not known";

const whole = (value) => value.toLocaleString("en");
const hundredth = (value) => value.toFixed(2).replace(/^(-?)0/, "$1");
const percent = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

function list(texts) {
  return element("ul", {}, ...texts.map((text) => element("li", {}, text)));
}

export function table(caption, head, rows) {
  return element("table", {},
    element("caption", {}, caption),
    head.length ? element("thead", {}, element("tr", {}, ...head.map((text) => (
      text ? element("th", { scope: "col" }, text) : element("td", {}))))) : "",
    element("tbody", {}, ...rows.map(([name, ...cells]) => element("tr", {},
      element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, ...[cell].flat()))))));
}

function estimate(value, shown = hundredth) {
  if (!value) return "–";
  if (!value.ci95) return shown(value.mean);
  const [low, high] = value.ci95.map(shown);
  return [shown(value.mean), element("span", { class: "interval" }, `${low}–${high}`)];
}

function facts(card) {
  const { data } = card;
  const learned = data.ratings === null ? "" : `: ${whole(data.ratings)} ratings by ${data.people === null ? "people" : `${whole(data.people)} people`}`;
  const rated = data.rated_films === null ? "" : `, of which ${whole(data.rated_films)} were rated by anybody`;
  const pairs = [
    ["Learned from", `${data.name}${learned}`],
    ["Films", `${whole(card.films)}${rated}`],
    ["Newest rating", data.newest_rating_year ?? UNKNOWN],
    ["Judged by", card.people_judging === null ? UNKNOWN : `${whole(card.people_judging)} people it never saw`],
    ["Made", `${card.created.slice(0, 10)}, version ${card.version}`],
  ];
  return element("dl", {}, ...pairs.flatMap(([name, value]) => [
    element("dt", {}, name), element("dd", {}, String(value))]));
}

export function sections(card) {
  const parts = [element("p", {}, card.what), facts(card)];
  if (card.limits.length) parts.push(element("h3", {}, "Limits and known bias"), list(card.limits));
  if (card.unknown.length) parts.push(element("h3", {}, "Not known of this model"), list(card.unknown));
  if (card.accuracy.length) {
    const seeds = SEEDS.filter((k) => card.accuracy.some((row) => row.values[k]));
    parts.push(
      element("h3", {}, "How good it is"), element("p", {}, card.how_judged),
      table("NDCG@10 by the number of films given, with 95 % intervals. 1: the person likes the whole list.",
        ["", ...seeds], card.accuracy.map((row) => [row.label, ...seeds.map((k) => estimate(row.values[k]))])),
    );
  }
  const ours = card.beyond_accuracy.find((row) => row.model === "pipeline");
  const hits = card.beyond_accuracy.find((row) => row.model === "popularity");
  if (ours) {
    const names = Object.keys(MEANINGS).filter((name) => ours.values[name]);
    const cell = (row, name) => estimate(row?.values[name] && { mean: row.values[name].mean, ci95: null },
      SHARES.has(name) ? percent : hundredth);
    parts.push(table("Beyond accuracy, with five films given", ["", "this model", "the most liked films"],
      names.map((name) => [MEANINGS[name], cell(ours, name), cell(hits, name)])));
  }
  if (card.calibration.length) {
    parts.push(table("By how much “likely that you like it” is off on average", [],
      card.calibration.map(({ rung, ece }) => [RUNGS[rung] ?? rung, ece === null ? UNKNOWN : `${(100 * ece).toFixed(1)} points`])));
  }
  parts.push(element("h3", {}, "What it is for"), list(card.intended_use));
  return parts;
}

async function load() {
  body.replaceChildren(element("p", { role: "status" }, "One moment…"));
  try {
    const response = await fetch("/v1/model");
    const answer = await response.json();
    if (!response.ok) throw new Error(response.status === 503 ? `Not just now: ${answer.detail}.` : answer.detail);
    body.replaceChildren(...sections(answer));
  } catch (error) {
    const words = error instanceof TypeError ? "The server can't be reached. Is it running, and are you online?" : error.message;
    body.replaceChildren(element("p", { role: "alert" }, words));
  }
}

opener.addEventListener("click", () => { panel.showModal(); load(); });
document.getElementById("about-close").addEventListener("click", () => panel.close());
// A click beside the panel falls on the dialog itself, whose content fills it.
panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
