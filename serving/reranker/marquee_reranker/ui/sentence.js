// The line in plain words: the server understands it by rules, and its parts join what is chosen already. They are
// ordinary chips from then on: each can be removed, and years changed.
import { ask, AskError } from "/ui/api.js";
import { element } from "/ui/element.js";
import { learn } from "/ui/films.js";
import { change, current } from "/ui/state.js";

const form = document.getElementById("sentence-form");
const field = document.getElementById("sentence");
const heard = document.getElementById("heard");
const union = (old, added) => [...new Set([...old, ...added])];
const less = (old, taken) => old.filter((value) => !taken.includes(value));

/** What to change in `state` for the parts of a sentence. The later word counts: "no horror" after "horror". */
export function patchOf(parts, state) {
  const values = (kind) => parts.filter((part) => part.kind === kind).map(({ value }) => value);
  const last = (kind, old) => values(kind).at(-1) ?? old;
  const [likes, dislikes] = [values("like"), values("dislike")];
  const [any, none] = [values("genre_any"), values("genre_none")];
  const patch = {
    likes: union(less(state.likes, dislikes), likes), dislikes: union(less(state.dislikes, likes), dislikes),
    hidden: less(state.hidden, likes), any: union(less(state.any, none), any), none: union(less(state.none, any), none),
    from: last("year_min", state.from), to: last("year_max", state.to),
    diversity: last("diversity", state.diversity), novelty: last("novelty", state.novelty), near: null,
  };
  // "After 2000" said after "before 1990" takes its place instead of asking for no year at all.
  if (patch.from && patch.to && patch.from > patch.to) {
    if (!values("year_min").length) patch.from = null;
    else if (!values("year_max").length) patch.to = null;
  }
  return patch;
}

/** The parts as a person would say them: both ends of a span of years are one thing, and so are genres of which any will do. */
export function said(parts) {
  const year = (kind) => parts.find((part) => part.kind === kind)?.value;
  const [from, to] = [year("year_min"), year("year_max")];
  const span = from && to ? (from === to ? `of ${from}` : `${from} to ${to}`) : null;
  const genres = parts.filter(({ kind }) => kind === "genre_any").map(({ label }) => label).join(" or ");
  const words = parts.filter(({ kind }) => !(span && kind === "year_max"))
    .map(({ kind, label }) => (kind === "genre_any" ? genres : span && kind === "year_min" ? span : label));
  return [...new Set(words)].join(", ");
}

function tell(answer) {
  const lines = [];
  if (answer.parts.length) lines.push(element("p", {}, "Understood: ", element("b", {}, said(answer.parts)), "."));
  if (answer.not_understood.length) {
    lines.push(element("p", {}, `Not understood: ${answer.not_understood.map((text) => `“${text}”`).join(", ")}. This line knows titles, genres, years and fame, but no people, studios or countries.`));
  }
  if (!answer.parts.length) lines.push(element("p", {}, "Try a film’s title, a genre or years: “like Alien, but funny, after 1990”."));
  heard.replaceChildren(...lines);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return;
  try {
    const answer = await ask("sentence", `/v1/understand?q=${encodeURIComponent(text)}`);
    if (!answer) return;
    tell(answer);
    if (!answer.parts.length) return;
    await learn(answer.parts.filter(({ kind }) => kind === "like" || kind === "dislike").map(({ value }) => value));
    field.value = "";
    change(patchOf(answer.parts, current()), "Your words are chips now: change or remove any.");
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    heard.replaceChildren(element("p", {}, error.message));
  }
});
