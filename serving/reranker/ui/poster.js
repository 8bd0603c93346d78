// Draws a film's poster from its title, year and genres: the same film always looks the same.

const SVG = "http://www.w3.org/2000/svg";

// Hues (of OKLCH) that people tend to connect with a genre; others get one from their name.
const HUES = {
  Action: 30, Adventure: 155, Animation: 200, Children: 220, Comedy: 55, Crime: 265, Documentary: 180, Drama: 300,
  Fantasy: 320, "Film-Noir": 270, Horror: 15, IMAX: 230, Musical: 345, Mystery: 285, Romance: 0, "Sci-Fi": 240,
  Thriller: 190, War: 130, Western: 65,
};

// FNV-1a, then a generator of numbers in [0, 1).
function numbersFrom(text) {
  let hash = 2166136261;
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0), 16777619);
  return () => {
    hash = Math.imul(hash ^ (hash >>> 15), 2246822519) + 0x9e3779b9 | 0;
    return ((hash ^ (hash >>> 13)) >>> 0) / 4294967296;
  };
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const MOTIFS = [
  // a sun over layers of hills
  (next, ink) => [
    shape("circle", { cx: 40 + 120 * next(), cy: 95 + 50 * next(), r: 26 + 26 * next(), fill: ink(75, 0.85) }),
    ...[0, 1, 2].map((layer) => {
      const y = 180 + 38 * layer;
      return shape("path", {
        d: `M0 ${y} Q${30 + 40 * next()} ${y - 70 * next()} 100 ${y} T200 ${y - 20} V300 H0Z`,
        fill: ink(52 - 9 * layer, 0.9),
      });
    }),
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

/** An SVG element, 2 wide by 3 high, hidden from screen readers: all it says is in the card's text. */
export function poster(film) {
  const next = numbersFrom(`${film.title}/${film.year}`);
  const genre = film.genres.find((name) => name in HUES && name !== "Drama") ?? film.genres[0] ?? film.title;
  const hue = (HUES[genre] ?? Math.floor(360 * numbersFrom(genre)())) + 24 * next() - 12;
  const second = hue + (next() < 0.5 ? -55 : 55);
  const ink = (lightness, opacity) => `oklch(${lightness}% 0.14 ${next() < 0.5 ? hue : second} / ${opacity})`;
  const svg = shape("svg", { viewBox: "0 0 200 300", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true", focusable: "false" });
  svg.append(
    shape("rect", { width: 200, height: 300, fill: `oklch(38% 0.1 ${hue})` }),
    ...MOTIFS[Math.floor(MOTIFS.length * next())](next, ink),
  );
  return svg;
}
