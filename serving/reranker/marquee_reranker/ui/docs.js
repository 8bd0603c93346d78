// Shows /openapi.json as a page and lets you try each operation. FastAPI's own page loads scripts from a CDN.

const reference = document.getElementById("reference");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const api = await (await fetch("/openapi.json")).json();
const resolve = (schema) => (schema?.$ref ? api.components.schemas[schema.$ref.split("/").at(-1)] : schema ?? {});

function kind(schema) {
  const given = schema.anyOf?.find((choice) => choice.type !== "null") ?? schema;
  const is = given.$ref ? given.$ref.split("/").at(-1) : given.type ?? "";
  if (is === "array") return `list${given.maxItems ? ` of at most ${given.maxItems}` : ""}: ${kind(given.items ?? given.prefixItems?.[0] ?? {})}`;
  const range = given.minimum !== undefined ? `, ${given.minimum} to ${given.maximum}` : "";
  const length = given.maxLength ? `, at most ${given.maxLength} characters` : "";
  const values = given.enum ? `: ${given.enum.join(", ")}` : "";
  return `${is}${range}${length}${values}`;
}

function table(rows) {
  return element("div", { class: "scroll" }, element("table", {}, element("tbody", {}, ...rows.map(([name, type, text]) => element(
    "tr", {}, element("th", { scope: "row" }, element("code", {}, name)), element("td", {}, type), element("td", {}, text),
  )))));
}

function fields(schema, prefix = "") {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const inner = resolve(field.$ref ? field : field.items?.$ref ? field.items : field.anyOf?.find((choice) => choice.$ref) ?? {});
    const row = [prefix + name, kind(field), field.description ?? ""];
    return inner.properties ? [row, ...fields(inner, `${prefix}${name}${field.items ? "[]" : ""}.`)] : [row];
  });
}

function tryIt(path, method, operation) {
  const body = resolve(operation.requestBody?.content["application/json"].schema);
  const query = (operation.parameters ?? []).filter((p) => p.in === "query" && p.required).map((p) => `${p.name}=matrix`);
  const start = body.examples ? JSON.stringify(body.examples[0]) : path.replace("{movie_id}", "1") + (query.length ? `?${query.join("&")}` : "");
  const input = element("textarea", { "aria-label": body.examples ? "Request body" : "Address", spellcheck: "false", rows: "2" });
  input.value = start;
  const answer = element("pre", { role: "status", hidden: "" });
  const send = element("button", { type: "button", class: "quiet" }, "Send");
  send.addEventListener("click", async () => {
    const options = body.examples ? { method, headers: { "Content-Type": "application/json" }, body: input.value } : {};
    answer.hidden = false;
    try {
      const response = await fetch(body.examples ? path : new URL(input.value, location.origin).pathname + new URL(input.value, location.origin).search, options);
      const json = response.headers.get("Content-Type")?.includes("json");
      answer.textContent = `${response.status}\n${json ? JSON.stringify(await response.json(), null, 2) : response.headers.get("Content-Type")}`;
    } catch (error) {
      answer.textContent = error.message;
    }
  });
  return [element("h3", {}, "Try it"), input, send, answer];
}

function section(path, method, operation) {
  const body = resolve(operation.requestBody?.content["application/json"].schema);
  const answer = resolve(operation.responses["200"]?.content?.["application/json"]?.schema);
  const problems = Object.entries(operation.responses).filter(([status]) => status >= "400");
  return element("section", {},
    element("h2", {}, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)),
    element("p", {}, (operation.description ?? operation.summary).replaceAll("`", "")),
    ...(operation.parameters ? [element("h3", {}, "Parameters"), table(operation.parameters.map((p) => [p.name, kind(p.schema), p.description ?? p.schema.description ?? ""]))] : []),
    ...(body.properties ? [element("h3", {}, "Body"), table(fields(body))] : []),
    element("h3", {}, "Answer"), table(fields(answer)),
    ...(problems.length ? [element("h3", {}, "Problems"), table(problems.map(([status, p]) => [status, p.description.replaceAll("`", ""), p.content?.["application/problem+json"]?.example.detail ?? ""]))] : []),
    ...tryIt(path, method, operation),
  );
}

// First what most come for.
const first = ([path]) => (path === "/v1/recommendations" ? 0 : 1);

reference.replaceChildren(
  element("p", {}, api.info.description.replaceAll("`", "")),
  ...Object.entries(api.paths).sort((a, b) => first(a) - first(b)).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => section(path, method, operation))),
);
