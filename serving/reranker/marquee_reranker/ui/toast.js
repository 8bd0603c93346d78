// A line at the bottom that says what changed and offers to undo it. The button "Undo" beside the chips stays when
// it has gone, so nobody has to be quick.
import { canUndo, onChange, undo } from "/ui/state.js";

const STAYS_MS = 7000;
const box = document.getElementById("toast");
const text = document.getElementById("toast-text");
const button = document.getElementById("toast-undo");
let timer;

export function toast(words, undoable = false) {
  text.textContent = words;
  button.hidden = !undoable;
  box.classList.add("shown");
  clearTimeout(timer);
  timer = setTimeout(hide, STAYS_MS);
}

function hide() {
  if (box.matches(":hover, :focus-within")) timer = setTimeout(hide, STAYS_MS);
  else box.classList.remove("shown");
}

button.addEventListener("click", () => { undo(); document.getElementById("results").focus(); });
onChange((state, before, words) => { if (words) toast(words, canUndo() && words !== "Back to how it was."); });
