// Reads exports of ratings in the browser: Letterboxd (files or the whole zip), IMDb, Trakt, MovieLens, plain CSV. The same
// rules as in Python, src/marquee/ratings/exports.py, which a test compares.
import { catalog, isFilms, say } from "./catalog.js";

const MOST_BYTES = 20 * 2 ** 20;
// Files of an archive, of Letterboxd or Trakt, that say what was seen.
const SEEN = /(rating|watched|diary|history)[^/\\]*\.(csv|json)$/i;
const ASIDE = /(^|[/\\])(deleted|orphaned|lists|likes|__MACOSX|\.)/i; // what was deleted, lists, and files of an operating system
const FIX = !isFilms ? "Give a CSV file whose first line is such as title,rating or id,rating."
  : "Give an export of Letterboxd (.zip or .csv), IMDb (.csv), Trakt (.json) or MovieLens (.csv), or a CSV file whose first line is such as title,year,rating.";
const COLUMNS = {
  title: ["name", "title", "film", "movie", "film title", "movie title"], year: ["year", "release year"],
  stars: ["your rating", "you rated", "my rating", "rating", "rating10", "stars", "score", "liked"],
  at: ["watched date", "watcheddate", "date rated", "rated at", "last watched at", "watched at", "date", "timestamp"],
  imdb_id: ["const", "imdb id", "imdbid", "imdb", "tconst"], tmdb_id: ["tmdb id", "tmdbid", "tmdb"],
  movie_id: ["movie id", "movieid", ...(isFilms ? [] : ["id", "item id"])], kind: ["title type", "type"],
};

/** What is wrong with a file, for people. */
export class ExportError extends Error {}

const number = (value) => {
  const text = String(value ?? "").trim().replace(",", ".");
  return text && Number.isFinite(Number(text)) ? Number(text) : null;
};
const starsOf = (value) => ({ true: 1, false: 0 })[String(value).toLowerCase()] ?? number(value);
const id = (value) => (Number.isInteger(number(value)) && number(value) > 0 && number(value) < 2 ** 31 ? number(value) : null);

function time(value) {
  const found = number(value);
  if (found !== null) {
    let seconds = found;
    while (seconds > 1e11) seconds /= 1000; // milli-, micro- and nanoseconds
    return seconds > 0 && seconds < 4.1e9 ? Math.trunc(seconds) : null;
  }
  const day = String(value ?? "").slice(0, 10);
  return /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) && new Date(day).toISOString().startsWith(day) ? day : null;
}

function row(record, scale) {
  let title = String(record.title ?? "").trim();
  const dated = title.match(/^(.*\S)\s*\(((?:18|19|20)\d\d)\)$/);
  let year = dated ? Number(dated[2]) : null;
  if (dated) [, title] = dated;
  const given = number(record.year);
  if (record.year && !(given >= 1870 && given < 2101)) throw new ExportError(`the year is '${String(record.year).slice(0, 20)}'`);
  if (given) year = Math.trunc(given);
  const rating = starsOf(record.stars);
  if (record.stars && rating === null) throw new ExportError(`the rating is '${String(record.stars).slice(0, 20)}', not a number`);
  const stars = rating ? Math.max(rating / scale, scale > 1 ? 0.5 : 0) : null;
  if (stars !== null && (stars < 0.5 || stars > 5)) throw new ExportError("stars: must be 0.5 to 5");
  const imdb = Number(String(record.imdb_id ?? "").match(/(?<!\d)0*(\d{1,10})(?!\d)/)?.[1] ?? 0);
  const made = {
    title: title.slice(0, 500), year, stars, at: time(record.at), imdb_id: imdb ? `tt${String(imdb).padStart(7, "0")}` : null,
    tmdb_id: id(record.tmdb_id), movie_id: catalog.own_ids ? record.movie_id : id(record.movie_id), series: /series|episode|show/i.test(record.kind ?? "") || null,
  };
  if (!title && !made.imdb_id && !made.tmdb_id && !made.movie_id) throw new ExportError("it has neither a title nor an id");
  return Object.fromEntries(Object.entries(made).filter(([, value]) => value !== null && value !== ""));
}

// Cells of each line, with the line's number; a quoted cell may hold delimiters and line ends.
function* lines(text, delimiter) {
  let [cells, cell, quoted, line] = [[], "", false, 1];
  for (let at = 0; at <= text.length; at += 1) {
    const letter = text[at];
    if (letter === "\n") line += 1;
    if (quoted && letter !== undefined) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') { cell += '"'; at += 1; } else quoted = false;
    } else if (letter === '"' && !cell) quoted = true;
    else if (letter === delimiter) { cells.push(cell); cell = ""; } else if (letter === "\n" || letter === undefined) {
      yield [line - (letter ? 1 : 0), [...cells, cell.replace(/\r$/, "")]];
      [cells, cell] = [[], ""];
    } else cell += letter;
  }
}

function csvRecords(text, name) {
  const first = text.split(/\r?\n/, 1)[0];
  const [delimiter] = [",", ";", "\t", "|"].sort((a, b) => first.split(b).length - first.split(a).length);
  const [[, head], ...body] = lines(text, delimiter);
  const header = head.map((cell) => cell.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim());
  const at = Object.fromEntries(Object.entries(COLUMNS).map(([field, names]) => [field, header.indexOf(names.find((one) => header.includes(one)))])
    .filter(([, index]) => index >= 0));
  if (!("title" in at || "imdb_id" in at || "tmdb_id" in at || "movie_id" in at)) {
    throw new ExportError(say`${name}the first line names no title or id of films, but ${header.join(", ").slice(0, 120)}. ${FIX}`);
  }
  const records = body.filter(([, cells]) => cells.some((cell) => cell.trim())).map(([line, cells]) => [`line ${line}`, cells.length > header.length ? null
    : Object.fromEntries(Object.entries(at).map(([field, index]) => [field, (cells[index] ?? "").trim()]))]);
  const given = [...new Set(records.map(([, record]) => starsOf(record?.stars)))].filter((one) => one !== null).sort((a, b) => a - b);
  const most = given.at(-1) ?? 0;
  if (given[0] <= 0 && most > 0 && given.every((one) => [-1, 0, 1].includes(one))) { // thumbs
    for (const [, record] of records) if (record?.stars) record.stars = starsOf(record.stars) > 0 ? "5" : "0.5";
    return [records, 1];
  }
  const column = header[at.stars] ?? "";
  const isOfTen = most > 5 || column === "rating10" || ("imdb_id" in at && column.startsWith("you"));
  return [records, most > 10 ? 20 : isOfTen ? 2 : 1];
}

function traktRecords(text) {
  let entries;
  try { entries = [JSON.parse(text)].flat(); } catch (error) { throw new ExportError(`The file is not JSON: ${error.message}. Download the export again.`); }
  if (!entries.some((entry) => entry?.movie || entry?.show)) throw new ExportError(isFilms ? `The JSON has no list of films with a "movie" each, as Trakt's has. ${FIX}` : FIX);
  return [entries.map((entry, index) => {
    const film = entry?.movie ?? entry?.show;
    if (typeof film !== "object" || !film || entry.episode || entry.season) return [`entry ${index + 1}`, null];
    return [`entry ${index + 1}`, {
      title: film.title, year: film.year, stars: entry.rating, at: entry.rated_at ?? entry.last_watched_at ?? entry.watched_at,
      imdb_id: film.ids?.imdb, tmdb_id: entry.movie ? film.ids?.tmdb : null, kind: entry.movie ? "movie" : "series",
    }];
  }), 2];
}

function decoded(bytes) {
  const marks = { "255,254": "utf-16le", "254,255": "utf-16be" };
  const wide = marks[bytes.slice(0, 2).join()];
  if (wide) return new TextDecoder(wide).decode(bytes);
  try { return new TextDecoder("utf-8", { fatal: true }).decode(bytes); } catch { return new TextDecoder("windows-1252").decode(bytes); }
}

// The files of a zip archive that hold what was seen, by its directory at the end (PKWARE, APPNOTE.TXT, 4.3).
async function unzip(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end -= 1;
  if (end < 0) throw new ExportError("The archive is damaged. Download the export again.");
  const members = [];
  for (let at = view.getUint32(end + 16, true), left = view.getUint16(end + 10, true); left > 0; left -= 1) {
    const [method, packed, size] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true), view.getUint32(at + 24, true)];
    const [nameLength, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
    const path = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    const begin = view.getUint32(at + 42, true);
    const start = begin + 30 + view.getUint16(begin + 26, true) + view.getUint16(begin + 28, true);
    if (SEEN.test(path) && !ASIDE.test(path)) members.push({ path, method, size, data: bytes.subarray(start, start + packed) });
    at += 46 + nameLength + extra + comment;
  }
  if (!members.length) throw new ExportError(`The archive has no file of ratings. ${FIX}`);
  if (members.reduce((sum, { size }) => sum + size, 0) > MOST_BYTES) throw new ExportError(`The archive's files are too large for ratings. ${FIX}`);
  return Promise.all(members.map(async ({ path, method, data }) => {
    const stream = method ? new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate-raw")) : new Blob([data]).stream();
    return [`${path}, `, new Uint8Array(await new Response(stream).arrayBuffer())];
  }));
}

// Rows of one film as one: the newest that has stars, or else the newest.
function merged(rows) {
  const films = new Map();
  const seconds = ({ at }) => (typeof at === "string" ? Date.parse(at) / 1000 : at ?? 0);
  for (const one of rows) {
    const key = one.imdb_id ?? one.movie_id ?? one.tmdb_id ?? `${one.title.toLowerCase()}/${one.year}/${one.series}`;
    const other = films.get(key);
    const isNewer = !other || Boolean(one.stars) - Boolean(other.stars) || seconds(one) - seconds(other);
    if (isNewer === true || isNewer > 0) films.set(key, one);
  }
  return [...films.values()];
}

// Of each row its place, and what reads it.
function rowsOf(part, name) {
  const text = decoded(part).replace(/^[\s\0]+|[\s\0]+$/g, "");
  if (!text) throw new ExportError(`The file is empty. ${FIX}`);
  const [records, scale] = /^[[{]/.test(text) ? traktRecords(text) : csvRecords(text, name);
  return records.map(([place, record]) => [place, () => {
    if (!record) throw new ExportError(say`it is no film, or has more cells than the first line`);
    return row(record, scale);
  }]);
}

/** The rows of an export, as POST /v1/resolve takes them, and what is wrong with those left out. Throws an ExportError. */
export async function readExport(bytes) {
  if (bytes.length > MOST_BYTES) throw new ExportError(`The file has ${bytes.length} bytes. ${FIX}`);
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const rows = [];
  const problems = [];
  const parts = isZip ? await unzip(bytes) : [["", bytes]];
  for (const [name, part] of parts) {
    try {
      for (const [place, read] of rowsOf(part, name)) {
        try { rows.push(read()); } catch (error) {
          if (!(error instanceof ExportError)) throw error;
          problems.push(`${name}${place}: ${error.message}`);
        }
      }
    } catch (error) {
      if (!(error instanceof ExportError) || parts.length === 1) throw error;
      problems.push(error.message); // an archive has files of other kinds
    }
  }
  return { rows: merged(rows), problems };
}
