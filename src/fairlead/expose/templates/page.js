// Drives the try-it forms. Answers hold text that strangers wrote: it reaches the page only as textContent.

const LONGEST_BODY = 400_000;
const LONGEST_COLOURED = 150_000;
const DEADLINE_MS = 120_000;
const SHOWN_HEADERS = ["Content-Type", "X-Fairlead-Source", "X-RateLimit-Remaining", "X-RateLimit-Limit", "Retry-After", "X-Request-Id", "Link"];

const access = document.getElementById("access");

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = text;
  return made;
}

// --- From a form to a request -------------------------------------------------------------------------------

// Fields have no `name`: one called `dataset` or `children` would hide that property of its form.
function fieldsOf(form) {
  return [...form.querySelectorAll("[data-place]")];
}

function fault(field) {
  const value = field.value.trim();
  if (field.dataset.place === "path" && (value === "." || value === "..")) return "This cannot be a dot segment.";
  if (value && field.dataset.place === "body" && !["string", "binary"].includes(field.dataset.type)) {
    try {
      JSON.parse(value);
    } catch (error) {
      return `This is not JSON: ${error.message}`;
    }
  }
  return "";
}

// A value that may be of any type: JSON where it is some, else a text.
function lenient(value) {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

function readForm(form) {
  const request = { method: form.dataset.method, headers: {}, body: undefined };
  const values = new Map();
  const query = [];
  const fields = {};
  for (const field of fieldsOf(form)) {
    const value = field.tagName === "TEXTAREA" ? field.value.trim() : field.value;
    if (value === "") continue;
    if (field.dataset.place === "path") values.set(field.dataset.name, encodeURIComponent(value));
    else if (field.dataset.place === "header") request.headers[field.dataset.name] = value;
    else if (field.dataset.place === "field") fields[field.dataset.name] = ["string", "binary"].includes(field.dataset.type) ? value : lenient(value);
    else if (field.dataset.place === "body") {
      request.body = field.dataset.type === "string" ? JSON.stringify(value) : value;
      if (field.dataset.type === "binary") request.headers["Content-Type"] = "application/octet-stream";
    }
    else {
      const parts = field.dataset.type === "array" && !value.startsWith("[") ? value.split(/\s*\n\s*/) : [value];
      query.push(...parts.map((part) => `${encodeURIComponent(field.dataset.name)}=${encodeURIComponent(part)}`));
    }
  }
  if (Object.keys(fields).length) request.body = JSON.stringify(fields);
  if (request.body !== undefined) request.headers["Content-Type"] ??= "application/json";
  const path = JSON.parse(form.dataset.path)
    .map((part, index) => (index % 2 === 0 ? part : part && (values.get(part) ?? `{${part}}`)))
    .join("");
  request.target = path + (query.length ? `?${query.join("&")}` : "");
  return request;
}

// What the person who uses the page shows as a caller. It is read when a request is sent, and kept nowhere.
function authenticated(request) {
  const [first, second] = [...(access?.querySelectorAll("input") ?? [])].map((field) => field.value);
  const headers = new Headers(request.headers);
  if (!first) return { target: request.target, headers };
  const { in: place, name, scheme } = access.dataset;
  if (place === "query") {
    const mark = request.target.includes("?") ? "&" : "?";
    return { target: `${request.target}${mark}${encodeURIComponent(name)}=${encodeURIComponent(first)}`, headers };
  }
  const pair = String.fromCharCode(...new TextEncoder().encode(`${first}:${second}`));
  headers.set(name, scheme === "basic" ? `Basic ${btoa(pair)}` : scheme === "bearer" ? `Bearer ${first}` : first);
  return { target: request.target, headers };
}

function curlOf({ method, target, headers, body }) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const words = [method === "GET" ? "curl" : `curl -X ${method}`, quote(location.origin + target)];
  for (const [name, value] of Object.entries(headers)) words.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body !== undefined) words.push(`--data ${quote(body)}`);
  if (access) words.push(access.dataset.curl);
  return words.join(" \\\n  ");
}

// --- From an answer to text ---------------------------------------------------------------------------------

// Characters that reorder or hide text are shown as the JSON escapes they are equal to.
function visible(text) {
  return text.replace(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

// Indents without reading the values, so that a long number stays as the upstream wrote it.
function* indented(json) {
  const words = json.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  for (const [index, word] of words.entries()) {
    const line = () => "\n" + "  ".repeat(depth);
    const empty = (word === "}" || word === "]") && "{[".includes(words[index - 1]);
    if (word === "{" || word === "[") {
      depth += 1;
      yield ["", word + ("}]".includes(words[index + 1]) ? "" : line())];
    } else if (word === "}" || word === "]") {
      depth -= 1;
      yield ["", (empty ? "" : line()) + word];
    } else if (word === ",") yield ["", word + line()];
    else if (word === ":") yield ["", ": "];
    else if (word.startsWith('"')) yield [words[index + 1] === ":" ? "key" : "text", word];
    else yield ["value", word];
  }
}

function showBody(pre, text) {
  const code = pre.firstElementChild;
  const shown = text.slice(0, LONGEST_BODY);
  code.replaceChildren();
  pre.hidden = shown === "";
  pre.scrollTop = 0;
  let pieces;
  try {
    JSON.parse(text);
    pieces = [...indented(text)];
  } catch {
    pieces = [["", shown]];
  }
  if (text.length > LONGEST_COLOURED) pieces = [["", pieces.map(([, piece]) => piece).join("").slice(0, LONGEST_BODY)]];
  for (const [kind, piece] of pieces) code.append(kind ? element("span", `json-${kind}`, visible(piece)) : visible(piece));
  if (text.length > LONGEST_BODY) code.append(`\n… the rest of ${text.length} characters is not shown.`);
}

// Only pages of this server are followed; behind a proxy the scheme may differ from what the server knows.
function neighbours(response) {
  const found = {};
  for (const [, target, parameters] of (response.headers.get("Link") ?? "").matchAll(/<([^>]*)>([^,]*)/g)) {
    const url = new URL(target, response.url);
    const relation = /;\s*rel="?(next|prev)\b/.exec(parameters)?.[1];
    if (relation && url.host === location.host) found[relation] = url.pathname + url.search;
  }
  return found;
}

function size(text) {
  const bytes = new TextEncoder().encode(text).length;
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}

// --- The answer's part of the page --------------------------------------------------------------------------

function showRequest(answer, request) {
  answer.querySelector(".request code").textContent = `${request.method} ${request.target}`;
}

function showOutcome(answer, status, parts) {
  const outcome = answer.querySelector(".outcome");
  const mark = element("strong", `status status-${String(status).charAt(0)}`, parts[0]);
  outcome.replaceChildren(mark, ...parts.slice(1).map((part) => element("span", "", part)));
}

function showHeaders(list, response) {
  list.replaceChildren();
  for (const name of SHOWN_HEADERS) {
    const value = response?.headers.get(name);
    if (!value) continue;
    const pair = element("div");
    pair.append(element("dt", "", name), element("dd", "", visible(value)));
    pair.title = visible(value);
    list.append(pair);
  }
  list.hidden = list.children.length === 0;
}

function showPager(form, answer, response) {
  const links = response ? neighbours(response) : {};
  const pager = answer.querySelector(".pager");
  pager.hidden = !links.next && !links.prev;
  for (const button of pager.querySelectorAll("button")) {
    const target = links[button.dataset.page];
    button.disabled = !target;
    button.onclick = () => {
      answer.focus({ preventScroll: true });
      send(form, answer, { method: "GET", target, headers: readForm(form).headers });
    };
  }
}

async function send(form, answer, request) {
  if (answer.ariaBusy === "true") return;
  answer.ariaBusy = "true";
  showRequest(answer, request);
  showOutcome(answer, "", ["Sending…"]);
  const equivalent = answer.querySelector(".equivalent");
  equivalent.querySelector("code").textContent = curlOf(request);
  equivalent.hidden = false;
  const { method, body } = request;
  const started = performance.now();
  let response = null;
  let text = "";
  try {
    const { target, headers } = authenticated(request);
    const signal = AbortSignal.timeout(DEADLINE_MS);
    // Else a browser would ask for a user name and a password itself, and keep them.
    const credentials = access?.dataset.scheme === "basic" ? "omit" : "same-origin";
    const rest = { credentials, signal, cache: "no-store", redirect: "error" };
    response = await fetch(location.origin + target, { method, headers, body, ...rest });
    text = await response.text();
    const took = `${Math.round(performance.now() - started)} ms`;
    showOutcome(answer, response.status, [`${response.status} ${response.statusText}`.trim(), took, size(text)]);
  } catch (error) {
    showOutcome(answer, "5", ["No answer", error.name === "TimeoutError" ? "The server took too long." : error.message]);
  }
  showHeaders(answer.querySelector(".headers"), response);
  showBody(answer.querySelector(".body"), text);
  showPager(form, answer, response);
  answer.ariaBusy = "false";
}

function clearAnswer(answer) {
  answer.querySelector(".outcome").textContent = "The answer will be shown here.";
  for (const part of answer.querySelectorAll(".headers, .body, .pager, .equivalent")) part.hidden = true;
}

// --- Setting the page up ------------------------------------------------------------------------------------

function enliven(form) {
  const answer = form.parentElement.querySelector(".answer");
  const preview = () => showRequest(answer, readForm(form));
  for (const button of form.querySelectorAll("button")) button.disabled = false;
  form.addEventListener("input", (event) => {
    event.target.setCustomValidity(event.target.dataset.place ? fault(event.target) : "");
    preview();
  });
  form.addEventListener("reset", () => {
    clearAnswer(answer);
    queueMicrotask(preview);
  });
  // A browser cannot point at a field inside a closed fold.
  form.addEventListener("invalid", (event) => event.target.closest("details").setAttribute("open", ""), true);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, answer, readForm(form)).then(() => {
      if (matchMedia("(max-width: 60rem)").matches) answer.scrollIntoView({ block: "start" });
    });
  });
}

function prefill() {
  const given = new URLSearchParams(location.search);
  let opened = false;
  for (const form of document.querySelectorAll("form[data-path]")) {
    const filled = fieldsOf(form).filter((field) => given.has(field.dataset.name));
    for (const field of filled) {
      field.value = given.get(field.dataset.name);
      field.dispatchEvent(new Event("input", { bubbles: true }));
      const fold = field.closest("details");
      if (!opened || fold.matches(".fold")) fold.open = true;
    }
    if (filled.length) opened = true;
  }
  for (const place of document.querySelectorAll("[data-fill]")) {
    const value = given.get(place.dataset.fill);
    if (value) place.textContent = encodeURIComponent(value).replaceAll("'", "%27");
  }
}

function offerCopy(figure) {
  const button = element("button", "copy", "Copy");
  button.type = "button";
  button.setAttribute("aria-label", `Copy: ${figure.querySelector("figcaption").textContent}`);
  button.addEventListener("click", async () => {
    const code = figure.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  figure.append(button);
}

// --- How the archive stands ---------------------------------------------------------------------------------

function span(seconds) {
  const steps = [["day", 86_400], ["hour", 3_600], ["minute", 60]];
  const [word, size] = steps.find(([, size]) => Math.abs(seconds) >= 2 * size) ?? ["second", 1];
  return new Intl.NumberFormat("en", { style: "unit", unit: word, unitDisplay: "long" }).format(Math.floor(seconds / size));
}

function standing(found) {
  if (found.failure) return ["bad", `The archive cannot be read: ${found.failure} Answers come from the API.`];
  if (found.stalled) return ["bad", "Nothing was read for too long: events may get lost. The server's records say why."];
  if (found.gaps) return ["bad", `Events of ${found.gaps} stretches of time are missing for ever; the coverage says which.`];
  if (found.newest_read_seconds_ago === null) return ["", "The archive is being filled for the first time."];
  return ["good", "Complete: nothing that was there to be read is missing."];
}

async function showArchive(section) {
  const found = await fetch("/readyz").then((answer) => answer.json()).then((told) => told.archive, () => undefined);
  if (!found) return;
  const [mood, words] = standing(found);
  section.dataset.mood = mood;
  const numbers = [["Events", found.events.toLocaleString("en")], ["Gaps", found.gaps.toLocaleString("en")]];
  if (found.newest_read_seconds_ago !== null) numbers.push(["Newest read", `${span(found.newest_read_seconds_ago)} ago`]);
  if (found.headroom_seconds !== null) numbers.push(["Until events get lost", span(found.headroom_seconds)]);
  const list = document.getElementById("archive-numbers");
  list.replaceChildren(
    ...numbers.map(([name, value]) => {
      const pair = element("div");
      pair.append(element("dt", "", name), element("dd", "", value));
      return pair;
    }),
  );
  document.getElementById("archive-state").textContent = words;
  section.hidden = false;
}

const archive = document.getElementById("archive");
if (archive) {
  showArchive(archive);
  setInterval(() => document.hidden || showArchive(archive), 30_000);
}

for (const place of document.querySelectorAll("[data-origin]")) place.textContent = location.origin;
for (const form of document.querySelectorAll("form[data-path]")) enliven(form);
for (const figure of document.querySelectorAll("figure.code")) offerCopy(figure);
access?.addEventListener("submit", (event) => event.preventDefault());
prefill();
