// What somebody wants, and its history. Each change is an entry of the browser's history, so that undo, the back
// button and a shared link are one and the same thing and never disagree.
import { having, settled } from "/ui/group.js";
import { EMPTY, MOST_IDS, read, write } from "/ui/share.js";

const MERGE_MS = 1000;
const listeners = [];
let state = read(location.hash);

export const current = () => state;
export const canUndo = () => depth() > 0;

const depth = () => history.state?.depth ?? 0;

/** Calls `listener(state, before, words)` after each change; `words` say what changed. */
export function onChange(listener) {
  listeners.push(listener);
}

function set(next, words) {
  const before = state;
  state = Object.freeze(next);
  for (const listener of listeners) listener(state, before, words);
}

/** Changes some fields. Changes with the same `tag` in quick succession (a dial being dragged) are one step of undo. */
export function change(patch, words = "", tag = "") {
  const next = settled({ ...state, ...patch });
  const address = write(next);
  if (address === write(state)) return;
  const now = Date.now();
  const again = tag && history.state?.tag === tag && now - history.state.at < MERGE_MS;
  const entry = { depth: depth() + (again ? 0 : 1), tag, at: now };
  history[again ? "replaceState" : "pushState"](entry, "", address || location.pathname);
  set(next, words);
}

/** Whose films are picked and shown from now on. It changes nothing of what is wanted, so it is no step of undo. */
export function select(who) {
  const next = { ...state, ...having(state.people, who) };
  history.replaceState(history.state, "", write(next));
  set(next, "");
}

export function undo() {
  if (canUndo()) history.back();
}

window.addEventListener("popstate", () => set(read(location.hash), "Back to how it was."));

const without = (ids, id) => ids.filter((other) => other !== id);
const withIt = (ids, id) => [...without(ids, id), id].slice(-MOST_IDS);
const nowhere = (id) => ({
  likes: without(state.likes, id), dislikes: without(state.dislikes, id), hidden: without(state.hidden, id),
});

/** Puts a film into one of likes, dislikes and hidden, and out of the others. */
export function put(list, id, words) {
  change({ ...nowhere(id), [list]: withIt(state[list], id), near: null }, words);
}

export function drop(id, words) {
  change(nowhere(id), words);
}

export function startOver() {
  change({ ...EMPTY, tab: state.tab }, "Everything cleared.");
}
