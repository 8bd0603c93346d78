// The search for a title: a combobox by the pattern of the ARIA Authoring Practices.
import { ask, AskError, stop } from "/ui/api.js";
import { element } from "/ui/element.js";
import { catalog, filmOf, nameOf, remember, withYear } from "/ui/films.js";
import { forWhom } from "/ui/group.js";
import { current, drop, put } from "/ui/state.js";

const search = document.getElementById("search");
const list = document.getElementById("suggestions");
const status = document.getElementById("search-status");
const WAIT_MS = 90;
let suggestions = [];
let active = -1;
let timer;

async function suggest() {
  const query = search.value.trim();
  if (!query) return closeList();
  try {
    const answer = await ask("search", `/v1/movies?limit=8&q=${encodeURIComponent(query)}`);
    if (!answer || search.value.trim() !== query) return;
    answer.movies.forEach(remember);
    suggestions = answer.movies.filter((film) => !current().likes.includes(film.movie_id));
    if (suggestions.length) showList(suggestions.length === 1 ? "1 film found." : `${suggestions.length} films found.`);
    else showList(answer.movies.length ? "You have picked that one." : `No film has “${query}” in its title${catalog.years?.length ? `; the newest here are of ${catalog.years[1]}` : ""}.`);
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    suggestions = [];
    showList(error.message);
  }
}

function showList(message) {
  status.textContent = message;
  active = suggestions.length ? 0 : -1;
  const options = suggestions.map((film, index) => element(
    "li",
    { role: "option", id: `option-${index}`, "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); pick(film); } },
    element("span", { class: "title" }, withYear(film)), element("span", { class: "hint" }, film.genres.join(", ")),
  ));
  list.replaceChildren(...(options.length ? options : [element("li", { class: "none", role: "option", "aria-disabled": "true" }, message)]));
  list.hidden = false;
  search.setAttribute("aria-expanded", "true");
  highlight();
}

function closeList() {
  clearTimeout(timer);
  stop("search");
  suggestions = [];
  active = -1;
  list.hidden = true;
  search.setAttribute("aria-expanded", "false");
  search.removeAttribute("aria-activedescendant");
}

function highlight() {
  [...list.children].forEach((option, index) => {
    option.setAttribute("aria-selected", String(index === active));
    if (index === active) option.scrollIntoView({ block: "nearest" });
  });
  if (active >= 0) search.setAttribute("aria-activedescendant", `option-${active}`);
  else search.removeAttribute("aria-activedescendant");
}

function pick(film) {
  search.value = "";
  closeList();
  put("likes", film.movie_id, `${film.title} added${forWhom(current())}.`);
}

search.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(suggest, WAIT_MS);
});
search.addEventListener("focus", () => search.value.trim() && suggest());
search.addEventListener("blur", closeList);
search.addEventListener("keydown", (event) => {
  const count = suggestions.length;
  if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
    active = (active + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
    highlight();
  } else if (event.key === "Enter" && active >= 0) {
    pick(suggestions[active]);
  } else if (event.key === "Escape") {
    closeList();
  } else if (event.key === "Backspace" && !search.value && current().likes.length) {
    const id = current().likes.at(-1);
    drop(id, `${filmOf(id)?.title ?? nameOf(id)} removed.`);
  } else return;
  event.preventDefault();
});
