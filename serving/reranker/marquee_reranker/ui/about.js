// "About this model": the model card. The browser's own dialog closes with Escape, keeps the focus inside and returns it.
import { ask, attempt } from "./api.js";
import { $, element, list, table } from "./dom.js";
import { say } from "./catalog.js";
import { whole } from "./words.js";

const MEANINGS = {
  "coverage@10": "share of the catalogue that is in anybody's list of ten",
  "head_share@10": "share of a list that is from the most liked tenth",
  "niche_ndcg@10": "NDCG@10 of people with niche taste",
  "ild@10": "variety of genres within a list, 0 to 1",
};
const SHARES = new Set(["coverage@10", "head_share@10"]);
const RUNGS = { two_tower: "as usual", item_cf: "while the main model is unavailable", popularity: "with nothing of yours to go by" };
const SEEDS = ["1", "3", "5", "10"];
const UNKNOWN = "not known";

const hundredth = (value) => value.toFixed(2).replace(/^(-?)0/, "$1");
const percent = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

function estimate(value, format = hundredth) {
  if (!value) return "–";
  if (!value.ci95) return format(value.mean);
  return [format(value.mean), element("span", { class: "interval" }, value.ci95.map(format).join("–"))];
}

function facts(card) {
  const { data } = card;
  const people = data.people === null ? "people" : `${whole(data.people)} people`;
  const pairs = [
    ["Trained on", data.name + (data.ratings === null ? "" : `: ${whole(data.ratings)} ratings by ${people}`)],
    [say`Films`, whole(card.films) + (data.rated_films === null ? "" : `, of which ${whole(data.rated_films)} were rated by anybody`)],
    ["Newest rating", data.newest_rating_year ?? UNKNOWN],
    ["Tested on", card.people_judging === null ? UNKNOWN : `${whole(card.people_judging)} people it never saw`],
    ["Made", `${card.created.slice(0, 10)}, version ${card.version}`],
  ];
  return element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

/** The parts of a model card (the answer of /v1/model). */
export function sections(card) {
  const parts = [element("p", {}, card.what), facts(card)];
  const add = (title, ...content) => parts.push(element("h3", {}, title), ...content);
  if (card.limits.length) add("Limits and known bias", list(card.limits));
  if (card.unknown.length) add("Not known of this model", list(card.unknown));
  if (card.accuracy.length) {
    const seeds = SEEDS.filter((k) => card.accuracy.some((row) => row.values[k]));
    const rows = card.accuracy.map((row) => [row.label, ...seeds.map((k) => estimate(row.values[k]))]);
    const caption = say`NDCG@10 by the number of films given, with 95 % intervals. 1: the person likes the whole list.`;
    add("How good it is", element("p", {}, card.how_judged), table(caption, ["", ...seeds], rows));
  }
  const [ours, hits] = ["pipeline", "popularity"].map((model) => card.beyond_accuracy.find((row) => row.model === model)?.values);
  if (ours) {
    const cell = (values, name) => estimate(values?.[name] && { mean: values[name].mean }, SHARES.has(name) ? percent : hundredth);
    const rows = Object.keys(MEANINGS).filter((name) => ours[name]).map((name) => [MEANINGS[name], cell(ours, name), cell(hits, name)]);
    const given = ["5", "3", "1"].find((k) => card.accuracy.some((row) => row.values[k])) ?? "5";
    parts.push(table(say`Beyond accuracy, films given: ${given}`, ["", "this model", say`the most liked films`], rows));
  }
  if (card.calibration.length) {
    const rows = card.calibration.map(({ rung, ece }) => [RUNGS[rung] ?? rung, ece === null ? UNKNOWN : `${(100 * ece).toFixed(1)} points`]);
    parts.push(table("Average error of “likely that you like it”", [], rows));
  }
  add("What it is for", list(card.intended_use));
  return parts;
}

async function load() {
  $("about-body").replaceChildren(element("p", { role: "status" }, "One moment…"));
  await attempt(async () => {
    $("about-body").replaceChildren(...sections(await ask("about", "/v1/model")));
  }, (error) => $("about-body").replaceChildren(element("p", { role: "alert" }, error.message)));
}

$("about-open").addEventListener("click", () => { $("about").showModal(); load(); });
// A click beside the panel hits the dialog itself, whose content fills it.
$("about").addEventListener("click", (event) => { if (event.target === $("about")) $("about").close(); });
