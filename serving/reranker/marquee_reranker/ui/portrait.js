// A portrait of a taste out of one's ratings: decades, genres, how niche, and popular films of the best genres that are not
// seen yet. Drawn on a canvas, which can be saved as a picture, and said in words for screen readers.
import { ask, attempt } from "./api.js";
import { catalog, say } from "./catalog.js";
import { $, element } from "./dom.js";
import { remember, short, withYear } from "./films.js";
import { add, listed, ratings } from "./lists.js";
import { toast } from "./choices.js";
import { joinNames, percent, whole } from "./words.js";

const [WIDE, HIGH, SCALE, LEFT] = [800, 1000, 2, 64];
const INK = { paper: "#fbf8f3", ink: "#221c18", soft: "#645a52", line: "#e4dbd0", bar: "#b4513a", glow: "#e9a825" };
const FONT = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const N_GENRES = 6;
const N_BLIND = 2; // films a genre
const FAMOUS = 0.02; // of the catalogue
const SHRINK = 5; // films of average stars that each genre begins with

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
const tally = (films, keysOf) => {
  const counts = new Map();
  for (const film of films) for (const key of keysOf(film)) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
};

function facts() {
  const films = [...listed("seen").values()];
  const rated = films.filter(({ stars }) => stars);
  const average = mean(rated.map(({ stars }) => stars));
  const decades = [...tally(films, ({ year }) => (year ? [10 * Math.floor(year / 10)] : []))].sort(([a], [b]) => a - b);
  const byCount = tally(films, ({ genres }) => genres ?? []);
  // How far a genre's stars lie above one's own mean, drawn towards it while it has few films.
  const above = (name) => rated.filter(({ genres }) => genres?.includes(name)).reduce((sum, { stars }) => sum + stars - average, 0) / (byCount.get(name) + SHRINK);
  const genres = [...byCount].map(([name, count]) => ({ name, count, above: above(name) }));
  const best = genres.filter(({ count }) => count >= Math.min(3, films.length)).sort((a, b) => b.above - a.above || b.count - a.count).slice(0, 3);
  const ranks = films.map(({ rank }) => rank).filter(Boolean).sort((a, b) => a - b);
  const famous = ranks.filter((rank) => rank <= FAMOUS * catalog.n_films).length / (ranks.length || 1);
  return {
    films, rated, average, decades, best, famous, median: ranks[Math.floor(ranks.length / 2)],
    genres: genres.sort((a, b) => b.count - a.count).slice(0, N_GENRES),
  };
}

// Tenths, quarters and so on of the people in ml-latest-small have fewer famous films than that.
const NICHE = [[0.13, "Deep in the archive"], [0.22, "Off the beaten track"], [0.46, "A bit of everything"], [0.61, "Fond of the well known"], [1, "At home among the hits"]];
const niche = ({ famous }) => NICHE.find(([most]) => famous <= most)[1];

function sentences({ films, rated, average, decades, best, famous, median }) {
  const [decade] = decades.reduce((a, b) => (b[1] > a[1] ? b : a), [0, 0]);
  return [
    say`${whole(films.length)} films${rated.length ? `, ${average.toFixed(1)} stars on average` : ""}.`,
    decade ? `Most are of the ${decade}s.` : "",
    best.length ? `${rated.length ? "Rated the highest" : "The most"}: ${joinNames(best.map(({ name }) => name))}.` : "",
    median ? `${niche({ famous })}: ${percent(famous)} are among the best known, and half are beyond number ${whole(median)}.` : "",
  ].filter(Boolean);
}

function draw(canvas, it) {
  // Catalogues without years or genres have a shorter one.
  const [noYears, noGenres] = [it.decades.length ? 0 : 266, it.genres.length ? 0 : 298];
  Object.assign(canvas, { width: SCALE * WIDE, height: SCALE * (HIGH - noYears - noGenres) });
  const pen = canvas.getContext("2d");
  pen.scale(SCALE, SCALE);
  const right = WIDE - LEFT;
  const box = (x, y, w, h, colour, radius = 0) => { pen.fillStyle = colour; pen.beginPath(); pen.roundRect(x, y, w, h, radius); pen.fill(); };
  const text = (words, x, y, size, { weight = 400, colour = INK.ink, align = "left", most = right - LEFT } = {}) => {
    pen.font = `${weight} ${size}px ${FONT}`;
    Object.assign(pen, { fillStyle: colour, textAlign: align });
    pen.fillText(words, x, y, most);
  };
  const heading = (words, x, y) => text(words.toUpperCase(), x, y, 15, { weight: 700, colour: INK.bar });
  box(0, 0, WIDE, HIGH, INK.paper);
  box(0, 0, WIDE, 14, INK.glow);
  text(say`My taste in films`, LEFT, 92, 46, { weight: 800 });
  text([say`${whole(it.films.length)} films`, it.rated.length && `${it.average.toFixed(1)} ★ on average`].filter(Boolean).join("   ·   "), LEFT, 130, 22, { colour: INK.soft });

  if (!noYears) heading("Decades", LEFT, 196);
  const most = Math.max(...it.decades.map(([, count]) => count), 1);
  const step = (right - LEFT) / Math.max(it.decades.length, 6);
  it.decades.forEach(([decade, count], index) => {
    const [x, h] = [LEFT + index * step, Math.max(4, 150 * count / most)];
    box(x, 376 - h, step - 12, h, count === most ? INK.bar : INK.glow, 6);
    text(`${decade}s`, x + (step - 12) / 2, 402, step < 60 ? 12 : 15, { colour: INK.soft, align: "center", most: step - 4 });
    text(String(count), x + (step - 12) / 2, 368 - h, 14, { colour: INK.soft, align: "center" });
  });

  pen.translate(0, -noYears);
  if (!noGenres) heading("Genres", LEFT, 462);
  it.genres.forEach(({ name, count, above }, index) => {
    const y = 500 + 36 * index;
    text(name, LEFT, y, 19, { weight: it.best.some((one) => one.name === name) ? 700 : 400, most: 150 });
    box(LEFT + 160, y - 14, 330, 16, INK.line, 8);
    box(LEFT + 160, y - 14, Math.max(16, 330 * count / it.genres[0].count), 16, above >= 0 ? INK.bar : INK.glow, 8);
    const stars = it.rated.length ? ` · ${above >= 0 ? "+" : "\u2212"}${Math.abs(above).toFixed(1)} ★` : "";
    text(`${whole(count)}${stars}`, right, y, 16, { colour: INK.soft, align: "right" });
  });

  pen.translate(0, -noGenres);
  heading("How niche", LEFT, 760);
  text(niche(it), LEFT, 796, 26, { weight: 700 });
  box(LEFT, 814, right - LEFT, 12, INK.line, 6);
  box(LEFT, 814, Math.max(12, (right - LEFT) * (1 - it.famous)), 12, INK.bar, 6);
  if (it.median) text(say`Half are beyond number ${whole(it.median)} of ${whole(catalog.n_films)} films by fame.`, LEFT, 854, 17, { colour: INK.soft });
  if (it.blind.length) {
    heading(say`Still to see`, LEFT, 902);
    pen.font = `600 20px ${FONT}`;
    const join = (films) => films.map((film) => short(film.title)).join("  ·  ");
    let shown = it.blind;
    while (shown.length > 1 && pen.measureText(join(shown)).width > right - LEFT) shown = shown.slice(0, -1);
    text(join(shown), LEFT, 934, 20, { weight: 600 });
  }
  text("Marquee", right, 972, 16, { weight: 800, colour: INK.soft, align: "right" });
}

// The most probable of the films of each best genre that are not seen: the popular ones that fit.
async function blindSpots({ best }) {
  const answers = await Promise.all(best.map(({ name }, index) => ask(`blind ${index}`, "/v1/recommendations", {
    ratings: ratings(), filters: { genres_any: [name] }, novelty: 0, sort: "affinity", top_n: 3 * N_BLIND,
  })));
  const films = new Map();
  for (const { recommendations } of answers) {
    for (const film of recommendations.filter(({ movie_id: id }) => !films.has(id)).slice(0, N_BLIND)) films.set(film.movie_id, film);
  }
  films.forEach(remember);
  return [...films.values()];
}

function save(canvas) {
  canvas.toBlob((blob) => {
    const address = URL.createObjectURL(blob);
    element("a", { href: address, download: "my-taste.png" }).click();
    URL.revokeObjectURL(address);
  }, "image/png");
}

/** Opens the portrait of what is on the seen list. */
export async function open() {
  const it = { ...facts(), blind: [] };
  await attempt(async () => { it.blind = await blindSpots(it); }, ({ message }) => toast(message));
  const words = sentences(it).join(" ");
  const canvas = element("canvas", { class: "portrait", role: "img", "aria-label": words });
  draw(canvas, it);
  const watch = (film) => element("button", { type: "button", class: "quiet", onclick: ({ currentTarget }) => {
    add("watch", [film]);
    currentTarget.disabled = true;
    currentTarget.textContent = say`${withYear(film)} is on your watch list`;
  } }, `+ ${withYear({ ...film, title: short(film.title) })}`);
  $("portrait-body").replaceChildren(canvas,
    element("div", { class: "choices" }, element("button", { type: "button", class: "primary", onclick: () => save(canvas) }, "Save as a picture")),
    ...(it.blind.length ? [element("h3", {}, "Blind spots"), element("p", { class: "hint" },
      say`Well-known films of ${joinNames(it.best.map(({ name }) => name))} that you have not rated. A click puts one on your watch list.`),
    element("div", { class: "choices" }, ...it.blind.map(watch))] : []));
  $("portrait").showModal();
}
