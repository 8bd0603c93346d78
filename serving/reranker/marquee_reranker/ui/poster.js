// Draws a film's poster from its title, year and genres, so a film always looks the same. index.html has the shades.
import { shape } from "./dom.js";
import { short } from "./films.js";

// Hues (OKLCH) that people tend to connect with a genre; a genre without one gets it from its name.
const HUES = {
  Action: 30, Adventure: 155, Animation: 200, Children: 220, Comedy: 55, Crime: 265, Documentary: 180, Drama: 300,
  Fantasy: 320, "Film-Noir": 270, Horror: 15, IMAX: 230, Musical: 345, Mystery: 285, Romance: 0, "Sci-Fi": 240,
  Thriller: 190, War: 130, Western: 65,
};

// Seeds a generator of numbers in [0, 1) with a text (FNV-1a).
function numbersFrom(text) {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return () => {
    hash = Math.imul(hash ^ (hash >>> 15), 2246822519) + 0x9e3779b9 | 0;
    return ((hash ^ (hash >>> 13)) >>> 0) / 4294967296;
  };
}

const MOTIFS = [
  // a sun over layers of hills
  (next, ink) => [
    shape("circle", { cx: 40 + 120 * next(), cy: 95 + 50 * next(), r: 26 + 26 * next(), fill: ink(75, 0.85) }),
    ...[180, 218, 256].map((y, layer) => shape("path", {
      d: `M0 ${y} Q${30 + 40 * next()} ${y - 70 * next()} 100 ${y} T200 ${y - 20} V300 H0Z`, fill: ink(52 - 9 * layer, 0.9),
    })),
  ],
  // rings
  (next, ink) => {
    const [cx, cy] = [30 + 140 * next(), 100 + 110 * next()];
    return [110, 84, 58, 32].map((r, i) => shape("circle", {
      cx, cy, r: r * (0.8 + 0.3 * next()), fill: "none", stroke: ink(78 - 10 * i, 0.75), "stroke-width": 5 + 9 * next(),
    }));
  },
  // beams of a searchlight
  (next, ink) => {
    const x = 40 + 120 * next();
    return [0, 1, 2, 3].map((i) => {
      const tip = -50 + 100 * i + 30 * next();
      return shape("path", { d: `M${x} 300 L${tip} 0 H${tip + 34}Z`, fill: ink(80 - 8 * i, 0.28) });
    });
  },
  // a skyline
  (next, ink) => {
    const towers = [];
    for (let x = 0; x < 200; x += 20 + 8 * Math.round(next())) {
      const top = 120 + 110 * next();
      towers.push(shape("rect", { x, y: top, width: 18 + 12 * next(), height: 300 - top, fill: ink(46 + 26 * next(), 0.75) }));
    }
    return [shape("circle", { cx: 150 * next() + 25, cy: 100, r: 20 + 16 * next(), fill: ink(82, 0.8) }), ...towers];
  },
  // paper cut-outs
  (next, ink) => [0, 1, 2, 3, 4].map((i) => shape("rect", {
    x: 150 * next() - 20, y: 60 + 180 * next(), width: 50 + 90 * next(), height: 16 + 50 * next(),
    fill: ink(70 - 10 * i, 0.55), transform: `rotate(${Math.round(60 * next() - 30)} 100 170)`,
  })),
];

// The width of a text in letters of average width.
const breadth = (text) => [...text].reduce((sum, letter) => sum + (/[mwMW@—]/.test(letter) ? 1.5 : /[ijltfI.,:;'’!| -]/.test(letter) ? 0.65 : 1), 0);

// Breaks a title into lines of about `most` letters; a longer word stands alone.
function linesOf(title, most) {
  const lines = [];
  for (const word of title.split(" ")) {
    if (lines.length && breadth(`${lines.at(-1)} ${word}`) <= most) lines.push(`${lines.pop()} ${word}`);
    else lines.push(word);
  }
  return lines;
}

// The largest type in which the title fits: [size, lines].
function typeset(title, wide) {
  for (const size of [38, 32, 27, 23, 19, 16]) {
    const most = 174 / (size * wide);
    const lines = linesOf(title, most);
    if (lines.length <= 4 && lines.every((line) => breadth(line) <= most)) return [size, lines];
  }
  const most = 174 / (14 * wide);
  const lines = linesOf(title, most).map((line) => (breadth(line) > most ? `${line.slice(0, Math.floor(most / 1.5))}…` : line));
  return [14, lines.length > 6 ? [...lines.slice(0, 5), "…"] : lines];
}

const SANS = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const SERIF = "Georgia, 'Times New Roman', 'Noto Serif', 'DejaVu Serif', serif";
// How a title is set: typeface, width of a letter in em, case, side, and whether it stands at the top.
const LAYOUTS = [
  { family: SANS, weight: 800, wide: 0.69, anchor: "start", top: false },
  { family: SERIF, weight: 700, wide: 0.69, anchor: "middle", top: false },
  { family: SANS, weight: 900, wide: 0.76, upper: true, anchor: "start", top: true },
  { family: SERIF, weight: 400, wide: 0.63, anchor: "start", top: true },
  { family: SANS, weight: 300, wide: 0.73, upper: true, anchor: "middle", top: false },
];

function lettering(film, layout) {
  const { family, weight, anchor, top } = layout;
  const plain = short(film.title).replace(/ [-–] /g, "\u00a0– "); // no line begins with a dash
  const title = layout.upper ? plain.toUpperCase() : plain;
  const [size, lines] = typeset(title, layout.wide);
  const x = anchor === "middle" ? 100 : 13;
  const step = size * 1.08;
  const first = top ? 22 + size * 0.75 : 268 - step * (lines.length - 1);
  const text = (words, y, px, heavy, opacity = 1) => shape("text", {
    x, y, fill: "#fff", "fill-opacity": opacity, "font-size": px, "font-weight": heavy, "font-family": family, "text-anchor": anchor,
  }, words);
  const credit = [film.year, film.genres[0]].filter(Boolean).join("  ·  ");
  const shade = shape("rect", { x: 0, y: top ? 0 : 300 - (lines.length * step + 90), width: 200, height: lines.length * step + 90, fill: `url(#shade-${top ? "top" : "foot"})` });
  return [shade, ...lines.map((line, index) => text(line, first + index * step, size, weight)), text(credit, 287, 9.5, 600, 0.9)];
}

/** An SVG, 2 wide by 3 high, hidden from screen readers, since the card's text says the same. */
export function poster(film) {
  const next = numbersFrom(`${film.title}/${film.year}`);
  const genre = film.genres.find((name) => name in HUES && name !== "Drama") ?? film.genres[0] ?? film.title;
  const hue = (HUES[genre] ?? Math.floor(360 * numbersFrom(genre)())) + 24 * next() - 12;
  const second = hue + (next() < 0.5 ? -55 : 55);
  const ink = (lightness, opacity) => `oklch(${lightness}% 0.14 ${next() < 0.5 ? hue : second} / ${opacity})`;
  return shape(
    "svg", { viewBox: "0 0 200 300", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true", focusable: "false" },
    shape("rect", { width: 200, height: 300, fill: `oklch(38% 0.1 ${hue})` }),
    ...MOTIFS[Math.floor(MOTIFS.length * next())](next, ink),
    ...lettering(film, LAYOUTS[Math.floor(LAYOUTS.length * next())]),
  );
}
