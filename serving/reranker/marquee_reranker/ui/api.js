// Requests to the server. A newer request of a kind ends the older one, so answers never arrive out of order.

const running = {};
// The API is where the page is, below whatever prefix a proxy adds, or where `marquee page --api` says.
const elsewhere = document.querySelector("meta[name=api]")?.content;
const base = elsewhere ?? new URL("..", import.meta.url).href;

/** The full address of a path such as "/v1/model". */
export const at = (path) => base + path.slice(1);

/** A failed request: `message` for people, `offline` if no answer came, `retryAfter` in seconds if the server is busy. */
export class AskError extends Error {
  constructor(message, status = 0, retryAfter = 0) {
    super(message);
    Object.assign(this, { status, retryAfter, offline: status === 0 });
  }
}

export function stop(kind) {
  running[kind]?.abort();
}

// In the page, films of a catalogue with ids of its own have these as `movie_id`, and the server's in `number`.
let ownIds = false;
function reviver(key, value, context) {
  if (key === "item_id" && typeof value === "number") return context?.source ?? String(value); // the text has all digits
  return (value?.item_id ?? null) === null ? value : { ...value, number: value.movie_id, movie_id: value.item_id };
}
const write = (body) => (ownIds ? JSON.stringify(body).replace(/"(\w*)movie_id(s?)":/g, '"$1item_id$2":') : JSON.stringify(body));

/** The JSON of an answer. Throws an AskError, or an AbortError if a newer request of this kind took its place. */
export async function ask(kind, url, body) {
  stop(kind);
  const { signal } = running[kind] = new AbortController();
  const options = body === undefined ? { signal } : {
    signal, method: "POST", headers: { "Content-Type": "application/json" }, body: write(body),
  };
  let response;
  let answer;
  try {
    response = await fetch(at(url), options);
    const text = await response.text();
    try { answer = JSON.parse(text, reviver); } catch (error) { if (response.ok) throw error; }
  } catch {
    signal.throwIfAborted();
    throw new AskError(navigator.onLine === false ? "You are offline." : "The server can't be reached just now.");
  }
  signal.throwIfAborted();
  if (response.ok) return answer;
  const { status } = response;
  const detail = answer?.detail ?? `the server answered ${status}`;
  if (status !== 503) throw new AskError(detail, status);
  throw new AskError(`Not just now: ${detail}.`, status, Number(response.headers.get("Retry-After") ?? 5));
}

/** The facts about the catalogue: in the page, or of an API elsewhere; none if it can't be asked. */
export async function askCatalog(element) {
  const text = elsewhere ? await fetch(at("/ui/catalog.json")).then((answer) => (answer.ok ? answer.text() : "{}"), () => "{}") : element.textContent;
  const catalog = JSON.parse(text, reviver);
  ownIds = catalog.own_ids;
  return catalog;
}

/** Runs `work`. An AskError goes to `failed`; a request that a newer one replaced ends in silence. */
export async function attempt(work, failed) {
  try {
    await work();
  } catch (error) {
    if (error instanceof AskError) failed(error);
    else if (error.name !== "AbortError") throw error;
  }
}
