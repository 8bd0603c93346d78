// One's own ratings: a file that is dropped or chosen is read here, and only its rows are sent, to find their films. What
// isn't certain is asked. The lists that come of it, their export, and the way to the portrait.
import { ask, attempt } from "./api.js";
import { isFilms, say } from "./catalog.js";
import { $, element, list } from "./dom.js";
import { remember, withYear } from "./films.js";
import { add, clear, csv, listed, MOST_RATINGS, onLists, remove } from "./lists.js";
import { change, current, isRated, onChange } from "./state.js";
import { whole } from "./words.js";

const HOW = say`Drop an export of Letterboxd, IMDb, Trakt or MovieLens anywhere here. It is read in your browser: only titles, years, ids and stars are sent, to find the films.`;
const LISTS = { seen: say`Seen`, watch: say`Watch list` };
const films = (n) => (n === 1 ? say`1 film` : say`${whole(n)} films`);
const button = (words, onclick, kind = "quiet") => element("button", { type: "button", class: kind, onclick }, words);

function fold(summary, texts) {
  return texts.length ? [element("details", {}, element("summary", {}, summary), list(texts))] : [];
}

// Import

const entry = (row, movie, rank) => ({ ...movie, stars: row.stars, at: row.at, rank });

function question(row, choices) {
  const item = element("li", {}, element("p", {}, element("b", {}, withYear({ title: row.title ?? row.imdb_id, year: row.year })), " is perhaps"),
    element("div", { class: "choices" }, ...choices.map((film) => button(withYear(film), () => {
      add("seen", [entry(row, film)]);
      answered(item);
    })), button("none of these", () => answered(item), "link")));
  return item;
}

function answered(item) {
  const next = item.nextElementSibling ?? item.previousElementSibling;
  item.remove();
  (next?.querySelector("button") ?? $("import").querySelector("form button")).focus();
  if (!next) $("import-questions").remove();
}

function report({ rows, problems }, name, found, doubts, unknown) {
  const titleOf = (row) => withYear({ title: row.title ?? row.imdb_id ?? say`Film ${row.tmdb_id ?? row.movie_id}`, year: row.year });
  $("import-title").textContent = `${whole(found.length)} of ${films(rows.length)} found`;
  const questions = element("section", { id: "import-questions" }, element("h3", {}, doubts.length === 1 ? "One question" : `${doubts.length} questions`),
    element("p", { class: "hint" }, say`Which film is meant? What you leave open is left out.`),
    element("ul", { class: "questions" }, ...doubts.map(({ row, choices }) => question(rows[row], choices))));
  const done = button("Show my recommendations", () => $("import").close(), "primary");
  $("import-body").replaceChildren(
    element("p", {}, found.length ? `Of ${name}. They are your ratings now: the list is made from them, and none of them is recommended again.`
      : say`None of the films in ${name} is in this catalogue.`),
    element("p", {}, found.length ? done : ""), ...(doubts.length ? [questions] : []),
    ...fold(`${films(unknown.length)} not in this catalogue`, unknown.map((at) => titleOf(rows[at]))),
    ...fold(`${problems.length === 1 ? "1 row" : `${whole(problems.length)} rows`} left out`, problems),
  );
}

async function take(file) {
  const refuse = ({ message }) => {
    $("import-title").textContent = "That didn't work";
    $("import-body").replaceChildren(element("p", { role: "alert" }, message));
  };
  $("import-title").textContent = `Reading ${file.name}…`;
  $("import-body").replaceChildren();
  if (!$("import").open) $("import").showModal();
  const { ExportError, readExport } = await import("./exports.js");
  let read;
  try {
    read = await readExport(new Uint8Array(await file.arrayBuffer()));
  } catch (error) {
    // A damaged archive: a RangeError beyond its end, or a TypeError of the stream.
    return refuse(error instanceof ExportError ? error : { message: `${file.name} can't be read (${error.message}). Download the export again.` });
  }
  if (!read.rows.length) return refuse({ message: say`${file.name} has no row with a film. ${read.problems[0] ?? ""}` });
  await attempt(async () => {
    const [found, doubts, unknown] = [[], [], []];
    for (let start = 0; start < read.rows.length; start += MOST_RATINGS) {
      const answer = await ask("resolve", "/v1/resolve", { rows: read.rows.slice(start, start + MOST_RATINGS) });
      for (const { row, movie, popularity_rank: rank } of answer.films) found.push(entry(read.rows[start + row], movie, rank));
      doubts.push(...answer.doubts.map((doubt) => ({ ...doubt, row: start + doubt.row })));
      unknown.push(...answer.unknown.map((row) => start + row));
    }
    found.forEach(remember);
    report(read, file.name, found, doubts, unknown);
    if (!found.length && !doubts.length) return;
    add("seen", found);
    change({ mine: true, near: null }, `${films(found.length)} read from ${file.name}.`);
  }, refuse);
}

$("mine-choose").addEventListener("click", () => $("mine-file").click());
$("mine-file").addEventListener("change", ({ target }) => {
  if (target.files[0]) take(target.files[0]);
  target.value = ""; // so that the same file can be chosen again
});
const hasFile = (event) => event.dataTransfer?.types.includes("Files");
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragover");
    if (kind === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}

// Lists

function save(name) {
  const address = URL.createObjectURL(new Blob(["\ufeff", csv(name)], { type: "text/csv" }));
  element("a", { href: address, download: `marquee-${isFilms ? name : LISTS[name].toLowerCase()}.csv` }).click();
  URL.revokeObjectURL(address);
}

function showLists() {
  $("lists-body").replaceChildren(...Object.entries(LISTS).map(([name, title]) => {
    const entries = [...listed(name).values()].reverse();
    const items = entries.map((film) => element("li", {}, element("span", {}, withYear(film)), element("span", { class: "stars" }, film.stars ? `${film.stars} ★` : ""),
      element("button", { type: "button", class: "link", "aria-label": `Remove ${withYear(film)}`, onclick: () => remove(name, film.movie_id) }, "Remove")));
    return element("section", {}, element("h3", {}, `${title}: ${films(entries.length)}`),
      entries.length ? element("div", { class: "choices" }, button("Save as CSV", () => save(name)), button("Forget them all", () => clear(name), "link"))
        : element("p", { class: "hint" }, say`Empty. The buttons of a film put it here.`),
      element("ul", { class: "entries" }, ...items));
  }));
}

function show() {
  const [seen, watch] = ["seen", "watch"].map((name) => listed(name).size);
  const rated = [...listed("seen").values()].filter(({ stars }) => stars).length;
  $("mine-words").textContent = seen ? say`${films(seen)} seen, ${whole(rated)} with stars. They are stored in this browser alone.` : HOW;
  $("mine-use").hidden = !seen || isRated(current());
  $("mine-use").disabled = current().people.length > 0;
  $("mine-portrait").hidden = !seen;
  $("mine-lists").hidden = !seen && !watch;
  $("mine-choose").textContent = seen ? "Add a file" : "Choose a file";
  if ($("lists").open) showLists();
}

$("mine-use").addEventListener("click", () => change({ mine: true, near: null }, "Recommended from your ratings."));
$("mine-lists").addEventListener("click", () => { showLists(); $("lists").showModal(); });
$("mine-portrait").addEventListener("click", async () => (await import("./portrait.js")).open());
for (const id of ["import", "lists", "portrait"]) $(id).addEventListener("click", (event) => { if (event.target === $(id)) $(id).close(); });
onLists(show);
onChange(show);
show();
