// The service: requests with the API key, JSON that keeps large numbers, streams of events.

const $ = (id) => document.getElementById(id);
const HIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;
const clean = (text) => String(text).replace(HIDDEN, "\ufffd");
const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = clean(text);
  return made;
};
const button = (text, act, label) => {
  const made = make("button", "", text);
  made.type = "button";
  if (label) { made.title = clean(label); made.setAttribute("aria-label", clean(label)); }
  made.addEventListener("click", act);
  return made;
};
const say = (text) => { $("said").textContent = clean(text); };
const warn = (text) => { $("trouble").textContent = clean(text); $("trouble").hidden = !text; };
const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });

// A whole number that JavaScript would round becomes a text of its digits.
const NUMBERS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const exact = (digits) => Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;
const readJson = (text) => JSON.parse(text.replace(NUMBERS, (found) =>
  /^-?\d{16,}$/.test(found) ? JSON.stringify(exact(found)) : found));

class Refused extends Error {
  constructor(status, told) {
    super((told && told.detail) || `the service answered with status ${status}`);
    this.status = status;
    this.code = (told && told.code) || "";
    this.problems = (told && told.problems) || [];
  }
}

// The key is kept for the tab. A browser may refuse to keep anything; then it lasts as long as the page.
const KEPT = "comfyflow-key";
let key = "", asking = null;
try { key = sessionStorage.getItem(KEPT) || ""; } catch { key = ""; }
const keep = (found) => {
  key = found;
  try { if (key) sessionStorage.setItem(KEPT, key); else sessionStorage.removeItem(KEPT); } catch { /* it lasts as long as the page */ }
  $("forget").hidden = !key;
};
const askForKey = (problem) => {
  if (asking) return asking;
  $("main").hidden = true;
  $("key").hidden = false;
  $("key-problem").textContent = clean(problem);
  $("key-text").setAttribute("aria-invalid", String(Boolean(problem)));
  $("key-text").focus();
  asking = new Promise((done) => {
    $("key").onsubmit = (event) => {
      event.preventDefault();
      const given = $("key-text").value.trim();
      if (!/^[!-~]+$/.test(given)) { $("key-problem").textContent = "An API key has no spaces, and ASCII characters only."; return; }
      keep(given);
      $("key-text").value = "";
      $("key").hidden = true;
      $("main").hidden = false;
      asking = null;
      done();
    };
  });
  return asking;
};

const request = async (url, { headers, ...options } = {}) => {
  for (;;) {
    const used = key;
    const sent = new Headers(headers);
    if (used) sent.set("Authorization", `Bearer ${used}`);
    const answer = await fetch(url, { credentials: "omit", redirect: "error", ...options, headers: sent });
    if (answer.ok) return answer;
    let told = null;
    try { told = readJson(await answer.text()); } catch { told = null; }
    if (answer.status !== 401) throw new Refused(answer.status, told);
    if (used === key) await askForKey(used ? "The service does not know this API key." : "");
  }
};
const get = async (url) => readJson(await (await request(url)).text());

// After a lost answer the same request is sent again; its Idempotency-Key makes it one job.
const send = async (url, body, kind) => {
  const random = Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");
  const headers = { "Idempotency-Key": `page-${random}`, ...(kind ? { "Content-Type": kind } : {}) };
  for (let attempt = 1; ; attempt += 1) {
    try {
      return readJson(await (await request(url, { method: "POST", body, headers })).text());
    } catch (error) {
      if (error instanceof Refused || attempt === 3) throw error;
      await pause(1000 * attempt);
    }
  }
};

// EventSource sends no key, so the stream is read by hand.
const readEvents = async (answer, hear) => {
  const reader = answer.body.getReader(), decoder = new TextDecoder();
  let rest = "", event = { name: "message", data: [], id: "" };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return false;
    const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (!line) {
        if (event.data.length && hear(event.name, event.data.join("\n"), event.id)) { await reader.cancel(); return true; }
        event = { name: "message", data: [], id: "" };
        continue;
      }
      const at = line.indexOf(":"), field = at < 0 ? line : line.slice(0, at), told = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
      if (field === "event") event.name = told;
      else if (field === "data") event.data.push(told);
      else if (field === "id") event.id = told;
    }
  }
};

const PASSING = [408, 425, 429];  // the next attempt may succeed
// Hears the events of a job until `hear` says that it was the last one; after a break it goes on where it was.
// Returns false if the service refuses them: then the job itself has to be asked for.
const follow = async (url, hear, signal) => {
  let last = "";
  while (!signal.aborted) {
    try {
      const answer = await request(url, { headers: last ? { "Last-Event-ID": last } : {}, signal });
      const ended = await readEvents(answer, (name, data, id) => { last = id || last; return hear(name, data); });
      if (ended) return true;
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && !PASSING.includes(error.status)) return false;
    }
    if (!signal.aborted) await pause(2000);
  }
  return true;
};

const save = (blob, name) => {
  const link = make("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};
