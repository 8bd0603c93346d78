// Asking the server. A newer request of a kind ends the older, so that answers never arrive out of order.

const running = {};

/** Why a request failed: `message` for people, `offline` if no answer came, `status` if one did. */
export class AskError extends Error {
  constructor(message, { status = 0, again = 0 } = {}) {
    super(message);
    this.status = status;
    this.offline = status === 0;
    this.again = again;
  }
}

export function stop(kind) {
  running[kind]?.abort();
}

/** The JSON of an answer; null if a newer request of this kind took its place. Throws AskError. */
export async function ask(kind, url, body) {
  stop(kind);
  const { signal } = running[kind] = new AbortController();
  const options = body === undefined ? { signal } : {
    signal, method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let response;
  let answer;
  try {
    response = await fetch(url, options);
    answer = await response.json().catch((error) => { if (signal.aborted || response.ok) throw error; });
  } catch {
    if (signal.aborted) return null;
    throw new AskError(navigator.onLine === false ? "You are offline." : "The server can't be reached just now.");
  }
  if (signal.aborted) return null;
  if (response.ok) return answer;
  const { status } = response;
  const detail = answer?.detail ?? `the server answered ${status}`;
  throw new AskError(status === 503 ? `Not just now: ${detail}.` : detail, {
    status, again: status === 503 ? Number(response.headers.get("Retry-After") ?? 5) : 0,
  });
}
