// One request as a picture: seeds, candidates, the blend's terms as stacked bars, and the order that MMR made of them.
import { table } from "/ui/about.js";
import { element } from "/ui/element.js";
import { withYear } from "/ui/films.js";
import { shape } from "/ui/poster.js";

const COLOURS = {
  tower: "#3b7dd8", item_cf: "#d9822b", history: "#8a6fd1", genre: "#2e9e6b", year: "#b8a02c", popularity: "#c2528b", dislikes: "#d04a3a",
};
const NAMES = {
  tower: "Two-Tower", item_cf: "liked together", history: "long histories", genre: "genres", year: "years", popularity: "popularity", dislikes: "dislikes",
};
const ROW = 34;
const MOST_ROWS = 16;

function text(x, y, words, attributes = {}) {
  const made = shape("text", { x, y, ...attributes });
  made.textContent = words;
  return made;
}

const cut = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);

function candidates(told, width) {
  const svg = shape("svg", { width, height: 62, viewBox: `0 0 ${width} 62`, "aria-hidden": "true" });
  const share = told.n_candidates ? told.n_from_tower / told.n_candidates : 0;
  svg.append(
    text(0, 14, `${told.n_from_tower} found by the Two-Tower`), text(width, 14, `${told.n_added_by_item_cf} added`, { "text-anchor": "end" }),
    shape("rect", { x: 0, y: 22, width: width * share, height: 14, fill: COLOURS.tower }),
    shape("rect", { x: width * share, y: 22, width: width * (1 - share), height: 14, fill: COLOURS.item_cf }),
    text(0, 54, `${told.n_candidates} candidates, of which the first by blended score follow`, { class: "soft" }),
  );
  return svg;
}

// A film's terms, those above zero to the right of the line, those below to the left.
function bar(film, zero, scale, y) {
  let [right, left] = [zero, zero];
  return Object.entries(film.terms).filter(([, value]) => Math.abs(value) > 0.005).map(([name, value]) => {
    const width = Math.abs(value) * scale;
    const x = value > 0 ? right : left - width;
    if (value > 0) right += width;
    else left -= width;
    const made = shape("rect", { x, y, width, height: 11, fill: COLOURS[name] });
    const title = shape("title", {});
    title.textContent = `${NAMES[name]}: ${value.toFixed(2)}`;
    made.append(title);
    return made;
  });
}

const sums = (film) => Object.values(film.terms).reduce(([up, down], value) => [up + Math.max(value, 0), down + Math.max(-value, 0)], [0, 0]);

function stages(films, width) {
  const height = films.length * ROW + 30;
  const order = width > 600 ? 270 : 70; // for the lines to MMR's order
  const bars = width - order - 12;
  const [up, down] = films.map(sums).reduce(([a, b], [c, d]) => [Math.max(a, c), Math.max(b, d)], [0.01, 0]);
  const scale = bars / (up + down);
  const zero = down * scale;
  const shown = films.filter((film) => film.shown_at !== null).sort((a, b) => a.mmr_step - b.mmr_step);
  const place = new Map(shown.map((film, index) => [film, index]));
  const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  svg.append(text(0, 12, "By blended score", { class: "soft" }), text(width - order + 62, 12, width > 600 ? "As MMR took them" : "", { class: "soft" }));
  svg.append(shape("line", { x1: zero, x2: zero, y1: 22, y2: height, class: "axis" }));
  films.forEach((film, index) => {
    const y = 30 + index * ROW;
    svg.append(text(0, y + 6, cut(`${film.score_rank}  ${withYear(film.movie)}`, Math.floor(bars / 6.6))), ...bar(film, zero, scale, y + 11));
    if (!place.has(film)) return;
    const to = 30 + place.get(film) * ROW + 10;
    const [a, b] = [width - order, width - order + (width > 600 ? 56 : 46)];
    svg.append(shape("path", { d: `M${a} ${y + 10} C${(a + b) / 2} ${y + 10} ${(a + b) / 2} ${to} ${b} ${to}`, class: "way" }),
      text(b + 6, to + 4, width > 600 ? cut(`${film.mmr_step}  ${film.movie.title}`, 30) : String(film.mmr_step)));
  });
  return svg;
}

function legend() {
  return element("ul", { class: "legend", "aria-hidden": "true" }, ...Object.entries(NAMES).map(([name, words]) => {
    const box = shape("svg", { width: 11, height: 11 });
    box.append(shape("rect", { width: 11, height: 11, rx: 2, fill: COLOURS[name] }));
    return element("li", {}, box, words);
  }));
}

/** The parts to show for an answer of /v1/explain: a drawing for eyes, and the same as a table for everybody else. */
export function picture(told, width) {
  const wide = Math.max(280, Math.min(width, 1000));
  // First those shown, so that every line has both ends; then the best that MMR passed over, in their place by score.
  const shown = told.films.filter((film) => film.shown_at !== null);
  const passed = told.films.filter((film) => film.shown_at === null).slice(0, Math.max(0, MOST_ROWS - shown.length));
  const films = [...shown, ...passed].sort((a, b) => a.score_rank - b.score_rank);
  const names = Object.keys(NAMES);
  const rows = films.map((film) => [withYear(film.movie), film.tower_rank ?? "–", film.score_rank, film.mmr_step ?? "–",
    film.score.toFixed(2), ...names.map((name) => film.terms[name].toFixed(2))].map(String));
  return [
    element("p", {}, "Liked: ", element("b", {}, told.seeds.map(withYear).join(", ") || "nothing that is known here")),
    element("div", { class: "picture" }, candidates(told, wide), legend(), stages(films, wide)),
    element("details", {}, element("summary", {}, "The same in figures"), element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "The request in figures" },
      table("Place by the Two-Tower, by score and by MMR; then what the score sums from",
        ["", "tower", "score", "MMR", "sum", ...names.map((name) => NAMES[name])], rows))),
  ];
}
