// A way in for those who can't think of a title: ready-made tastes, and films drawn at random.
import { ask, AskError } from "/ui/api.js";
import { element } from "/ui/element.js";
import { catalog, remember } from "/ui/films.js";
import { forWhom } from "/ui/group.js";
import { toast } from "/ui/toast.js";
import { change, current, onChange } from "/ui/state.js";

const N_SURPRISE = 3;
const box = document.getElementById("tastes");
const surprise = document.getElementById("surprise");

function take(films, words) {
  const whom = forWhom(current());
  change({ likes: films.map((film) => film.movie_id), dislikes: [], near: null }, whom ? words.replace(/\.$/, `${whom}.`) : words);
  document.getElementById("results").focus();
}

document.getElementById("taste-list").append(...(catalog.tastes ?? []).map(({ name, films }) => element("li", {},
  element("button", { type: "button", title: films.map((film) => film.title).join(", "), onclick: () => take(films, `${name} chosen.`) }, name))));

surprise.addEventListener("click", async () => {
  try {
    const answer = await ask("surprise", `/v1/movies/sample?n=${N_SURPRISE}`);
    if (!answer) return;
    answer.movies.forEach(remember);
    take(answer.movies, `Drawn for you: ${answer.movies.map((film) => film.title).join(", ")}.`);
  } catch (error) {
    if (!(error instanceof AskError)) throw error;
    toast(error.message);
  }
});

// Once films are chosen, the tastes make room; "Start over" brings them back.
const show = () => { box.hidden = current().likes.length > 0; };
onChange(show);
show();
