// Shows /openapi.json as a page and lets you try each operation. FastAPI's own page loads scripts from a CDN.
import { at } from "./api.js";
import { $, element, table } from "./dom.js";

const api = await (await fetch(at("/openapi.json"))).json();
const nameOf = (schema) => schema.$ref.split("/").at(-1);
const resolve = (schema) => (schema?.$ref ? api.components.schemas[nameOf(schema)] : schema ?? {});
const bodyOf = (operation) => resolve(operation.requestBody?.content["application/json"].schema);

function kind(schema) {
  const given = schema.anyOf?.find((choice) => choice.type !== "null") ?? schema;
  const type = given.$ref ? nameOf(given) : given.type ?? "";
  if (type === "array") return `list${given.maxItems ? ` of at most ${given.maxItems}` : ""}: ${kind(given.items ?? given.prefixItems?.[0] ?? {})}`;
  const range = given.minimum !== undefined ? `, ${given.minimum} to ${given.maximum}` : "";
  const length = given.maxLength ? `, at most ${given.maxLength} characters` : "";
  const values = given.enum ? `: ${given.enum.join(", ")}` : "";
  return `${type}${range}${length}${values}`;
}

function fields(schema, prefix = "") {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const inner = resolve(field.$ref ? field : field.items?.$ref ? field.items : field.anyOf?.find((choice) => choice.$ref) ?? {});
    const row = [prefix + name, kind(field), field.description ?? ""];
    return inner.properties ? [row, ...fields(inner, `${prefix}${name}${field.items ? "[]" : ""}.`)] : [row];
  });
}

function tryIt(path, method, operation) {
  const [example] = bodyOf(operation).examples ?? [];
  const query = (operation.parameters ?? []).filter((p) => p.in === "query" && p.required).map((p) => `${p.name}=matrix`);
  const input = element("textarea", { "aria-label": example ? "Request body" : "Address", spellcheck: "false", rows: "2" });
  input.value = example ? JSON.stringify(example) : path.replace("{movie_id}", "1") + (query.length ? `?${query.join("&")}` : "");
  const output = element("pre", { role: "status", hidden: "" });
  const send = element("button", { type: "button", class: "quiet", onclick: async () => {
    output.hidden = false;
    try {
      const { pathname, search } = new URL(example ? path : input.value, location.origin);
      const options = example ? { method, headers: { "Content-Type": "application/json" }, body: input.value } : {};
      const response = await fetch(at(pathname + search), options);
      const type = response.headers.get("Content-Type");
      output.textContent = `${response.status}\n${type?.includes("json") ? JSON.stringify(await response.json(), null, 2) : type}`;
    } catch (error) {
      output.textContent = error.message;
    }
  } }, "Send");
  return [element("h3", {}, "Try it"), input, send, output];
}

function part(title, rows) {
  if (!rows.length) return [];
  const named = rows.map(([name, ...cells]) => [element("code", {}, name), ...cells]);
  return [element("h3", {}, title), element("div", { class: "scroll" }, table("", [], named))];
}

function section([path, method, operation]) {
  const problems = Object.entries(operation.responses).filter(([status]) => status >= "400");
  return element("section", { id: operation.operationId },
    element("h2", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)),
    element("p", {}, (operation.description ?? operation.summary).replaceAll("`", "")),
    ...part("Parameters", (operation.parameters ?? []).map((p) => [p.name, kind(p.schema), p.description ?? p.schema.description ?? ""])),
    ...part("Body", fields(bodyOf(operation))),
    ...part("Answer", fields(resolve(operation.responses["200"]?.content?.["application/json"]?.schema))),
    ...part("Problems", problems.map(([status, p]) => [
      status, p.description.replaceAll("`", ""), p.content?.["application/problem+json"]?.example.detail ?? ""])),
    ...tryIt(path, method, operation));
}

// What most people come for comes first.
const first = ([path]) => (path === "/v1/recommendations" ? 0 : 1);
const operations = Object.entries(api.paths).sort((a, b) => first(a) - first(b)).flatMap(([path, methods]) => (
  Object.entries(methods).map(([method, operation]) => [path, method, operation])));
$("reference").replaceChildren(
  element("p", {}, api.info.description.replaceAll("`", "")),
  element("nav", { class: "contents", "aria-label": "Contents" }, element("ul", {}, ...operations.map(([path, method, { operationId }]) => (
    element("li", {}, element("a", { href: `#${operationId}` }, `${method.toUpperCase()} ${path}`)))))),
  ...operations.map(section),
);
document.getElementById(location.hash.slice(1))?.scrollIntoView(); // which wasn't there yet when the page was opened
