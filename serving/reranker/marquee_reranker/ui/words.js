// What numbers and names of the API mean to a person.

export const percent = (share) => `${Math.round(100 * share)}\u00a0%`;

const among = (steps) => (value) => steps.find(([most]) => value <= most)[1];

/** Words for a dial's position, 0 to 1. */
export const DIALS = {
  diversity: among([[0, "closest films"], [0.2, "mostly close films"], [0.45, "some variety"], [0.75, "varied"], [1, "as varied as can be"]]),
  novelty: among([[0, "any fame"], [0.3, "slightly lesser known"], [0.65, "lesser known"], [1, "hidden gems"]]),
};

/** Words for `affinity_score`: the share of people with such taste who liked a film with this score. */
export const match = (score) => among([[0.3, "Long shot"], [0.45, "Fair match"], [0.6, "Good match"], [0.75, "Very good match"], [1, "Great match"]])(score);

const FOR_TWO = [[0.3, "Hardly for you two"], [0.45, "Fair for you two"], [0.6, "Good for you two"], [0.75, "Very good for you two"], [1, "Great for you two"]];
const APART = 0.25;

/** The same for several people: `scores` of each, of whom `share` is expected to like it; `names` as within a sentence. */
export function groupMatch(share, scores, names) {
  const [one, other] = scores;
  if (scores.length === 2) return Math.abs(one - other) > APART ? `Rather for ${names[one > other ? 0 : 1]}` : `${among(FOR_TWO)(share)} ${percent(share)}`;
  const most = Math.round(share * scores.length);
  if (most === scores.length) return "Likely for all of you";
  return most ? `For about ${most} of you ${scores.length}` : "Hardly for any of you";
}

export const SWITCHES = { mix: "A mix of my tastes", series: "One film per series" };

const SERVED_BY = {
  two_tower: "Chosen by the Two-Tower model from your films.",
  item_cf: "Chosen by films that people like together, a simpler model that stands in for the first.",
  popularity: "Films that many people like: there was nothing of yours to go by.",
};
const SERVED_BY_TOGETHER = {
  ...SERVED_BY,
  two_tower: "Chosen by the Two-Tower model from the films of each of you.",
  popularity: "For at least one of you there was nothing to go by, and films that many people like stand in.",
};

/** Which rung chose the films; of several people the lowest that any of them needed. */
export const servedBy = (rung, people) => (people > 1 ? SERVED_BY_TOGETHER : SERVED_BY)[rung];

const DEGRADED = {
  fewer_films_than_asked: "Few films fit what you asked for.",
  no_known_seeds: "None of the picked films is known here.",
  seeds_without_neighbors: "Too little is known about the picked films.",
  version_skew: "A new model is just arriving.",
};
const DEGRADED_TOGETHER = {
  ...DEGRADED,
  no_known_seeds: "Of the films that one of you picked, none is known here.",
  seeds_without_neighbors: "Too little is known about the films that one of you picked.",
};

/** A reason of `degraded`; most name the fault of the retrieval tier, which people need not know in detail. */
export const degraded = (reason, people) => (people > 1 ? DEGRADED_TOGETHER : DEGRADED)[reason] ?? `The main model is away (${reason.replaceAll("_", " ")}).`;

export const TERMS = {
  prior: "being liked by many", genre: "its genres", year: "its time", popularity: "how well known it is", dislikes: "your dislikes",
};

/** What speaks for a film: `seeds` [{title, share}] and `others` [words], by shares of all that is above zero. */
export function reasons(explanation) {
  const seeds = explanation.because.filter(({ contribution }) => contribution > 0);
  const others = Object.entries(explanation.terms).filter(([, value]) => value > 0);
  const total = [...seeds.map((seed) => seed.contribution), ...others.map(([, value]) => value)].reduce((a, b) => a + b, 0);
  return {
    seeds: seeds.map(({ title, contribution }) => ({ title, share: contribution / total })).filter(({ share }) => share >= 0.05),
    others: others.filter(([, value]) => value / total >= 0.05).sort((a, b) => b[1] - a[1]).map(([name]) => TERMS[name] ?? name),
  };
}
