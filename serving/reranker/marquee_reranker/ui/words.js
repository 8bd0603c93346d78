// What the page says: numbers and names of the API, and lists of people, in words.
import { catalog, say } from "./catalog.js";
import { defaultName } from "./state.js";

export const whole = (value) => value.toLocaleString("en");
export const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

/** "Ann, Bo and Cy"; "You" is small, as within a sentence. */
export function joinNames(names) {
  const words = names.map((name) => (name === defaultName(0) ? "you" : name));
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join();
}

export const possessive = (name) => (name === defaultName(0) ? "your" : `${name}’s`);

/** " for Ann" while there are several people: the films picked are hers. */
export const forSelected = ({ people, who }) => (people.length ? ` for ${joinNames([people[who].name])}` : "");

const upTo = (steps) => (value) => steps.find(([most]) => value <= most)[1];

/** Words for a dial's position, 0 to 1. */
export const DIALS = {
  diversity: upTo([[0, say`closest films`], [0.2, say`mostly close films`], [0.45, "some variety"], [0.75, "varied"], [1, "as varied as can be"]]),
  novelty: upTo([[0, "famous or not"], [0.3, "slightly lesser known"], [0.65, "lesser known"], [1, "hidden gems"]]),
};

export const SWITCHES = { mix: "A mix of my tastes", series: say`One film per series` };

const LEVELS = [[0.3, "Hardly"], [0.45, "Fair"], [0.6, "Good"], [0.75, "Very good"], [1, "Great"]];
const level = upTo(LEVELS);
const APART = 0.25;

/** Words for `affinity_score`: the share of people with such taste who liked a film with this score. */
export const match = (score) => (level(score) === "Hardly" ? "Worth a try" : `${level(score)} match`);

/** The same for several people: their `scores` and `names`, and the `share` of them who are expected to like the film. */
export function groupMatch(share, scores, names) {
  const [one, other] = scores;
  if (scores.length === 2 && Math.abs(one - other) > APART) return `More ${possessive(names[one > other ? 0 : 1])} thing`;
  if (scores.length === 2) return `${level(share)} for both`;
  const expected = Math.round(share * scores.length);
  if (expected === scores.length) return "Suits all of you";
  return expected ? `Suits about ${expected} of ${scores.length}` : "Long shot for all";
}

/** Which model picked the films, for `nLikes` films and `nRated` ratings of one person, or for several people. */
export function servedBy(rung, nLikes, isGroup, nRated) {
  if (rung === "item_cf") return say`Picked by a simpler model: films that people like together.`;
  if (rung === "popularity" && isGroup) return say`Partly just widely liked films: there was nothing to go by for one of you.`;
  if (rung === "popularity") return say`Widely liked films: there was nothing of yours to go by.`;
  const films = isGroup ? "what each of you likes" : nRated ? say`the ${whole(nRated)} you rated or saw` : nLikes === 1 ? "the one you like" : `the ${nLikes} you like`;
  return say`Picked from ${catalog.n_films ? whole(catalog.n_films) : "all"} films, for ${films}.`; // a page that waited for a bundle has no count
}

const DEGRADED = {
  fewer_films_than_asked: say`Few films fit what you asked for.`,
  no_known_seeds: say`None of the films you picked is known here.`,
  seeds_without_neighbors: say`Too little is known about the films you picked.`,
  version_skew: "A new model is being rolled out.",
};

/** A reason of `degraded`; those without words of their own name a fault of the retrieval server. */
export const degraded = (reason) => DEGRADED[reason] ?? `The main model is unavailable (${reason.replaceAll("_", " ")}).`;

const TERMS = {
  prior: "a favourite of many", genre: "in genres you like", year: "from the same years",
  popularity: "as well known as you want", dislikes: "far from what you dislike",
};
const LEAST_SHARE = 0.05;
const FEW_SEEDS = 20; // of more, each says less

/** What speaks for a film, each with its share of all that does: liked films' titles, other reasons; the strongest first. */
export function reasons({ because, terms }) {
  const seeds = because.map(({ title, contribution }) => ({ words: title, value: contribution }));
  const others = Object.entries(terms).map(([name, value]) => ({ words: TERMS[name] ?? name, value })).sort((a, b) => b.value - a.value);
  const total = [...seeds, ...others].reduce((sum, { value }) => sum + Math.max(value, 0), 0);
  const telling = (all) => all.map((one) => ({ ...one, share: one.value / total })).filter(({ share }) => share >= LEAST_SHARE * Math.min(1, FEW_SEEDS / because.length));
  return { seeds: telling(seeds), others: telling(others) };
}
