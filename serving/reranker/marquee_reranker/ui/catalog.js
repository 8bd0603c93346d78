// The facts about the catalogue that the server put into the page, and the page's words for what the catalogue holds.
import { askCatalog } from "./api.js";
import { $ } from "./dom.js";

/** `noun` is what an item is called, one and several; with `own_ids` items have ids of the data's own, else MovieLens ids. */
export const catalog = await askCatalog($("catalog"));
const [one, several] = catalog.noun ?? ["film", "films"];
export const isFilms = one === "film" && several === "films";
if (!isFilms) catalog.posters = false; // TMDB has those of films

// What only films are said to be or have, in small letters, and the same of anything.
const PLAIN = {
  "what to watch next": "what else fits", "watch together": "choose together", "who watches": "who chooses", "watch list": "wish list",
  seen: "known", saw: "know", "still to see": "still to try", "of star wars or toy story, say, only": "of each series, only",
  "here, search for one, or start from a taste": "here, or search for one",
  "drop an export of letterboxd, imdb, trakt or movielens anywhere here": "drop a CSV file anywhere here, with titles or ids, and stars",
};
const WORDS = new RegExp(`\\b(?:${Object.keys(PLAIN).join("|")}|(?:a )?films?)\\b`, "gi");

function reword(text) {
  if (isFilms) return text;
  return text.replace(WORDS, (found) => {
    const small = found.toLowerCase();
    const article = small.startsWith("a ") ? `${/^[aeiou]/i.test(one) ? "an" : "a"} ` : "";
    const plain = PLAIN[small] ?? article + (small.endsWith("s") ? several : one);
    return found[0] === small[0] ? plain : plain[0].toUpperCase() + plain.slice(1);
  });
}

/** Tag of templates about films: other catalogues have their noun in its place. Values, such as titles, stay as they are. */
export const say = (parts, ...values) => String.raw({ raw: parts.map(reword) }, ...values);

// The same for what index.html says, before anything else is shown.
for (const it of isFilms ? [] : document.querySelectorAll("title, meta[name=description], body *")) {
  for (const node of it.childNodes) if (node.nodeType === Node.TEXT_NODE) node.data = reword(node.data);
  for (const name of ["placeholder", "aria-label", "title", "content"]) if (it.hasAttribute(name)) it.setAttribute(name, reword(it.getAttribute(name)));
}
$("sources").hidden = !isFilms;
document.body.classList.toggle("no-facts", catalog.years?.length === 0 && catalog.genres.length === 0);
