// The page: workflows, their forms, and the list of jobs.

const STREAMS = 2;  // a browser opens six connections to a place, for all its tabs
const PAGE = 20;
const cards = new Map(), streams = new Map(), forms = new Map(), mine = new Set(), refused = new Set();
let workflows = [], editor = false, current = "", next = null, asked = 0, listed = 0, timer = 0;

// Light or dark

const theme = (chosen) => { if (chosen) document.documentElement.dataset.theme = chosen; };
try { theme(localStorage.getItem("comfyflow-theme")); } catch { /* as the system has it */ }
$("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("--dark").trim() === "1";
  theme(dark ? "light" : "dark");
  try { localStorage.setItem("comfyflow-theme", dark ? "light" : "dark"); } catch { /* it lasts as long as the page */ }
});

// Jobs

const acts = {
  again: (job) => useAgain(job),
  gone: (job) => { const stream = streams.get(job.id); if (stream) { streams.delete(job.id); stream.abort(); queueMicrotask(watch); } },
  editor: () => editor,
  speaks: (job) => mine.has(job.id),
};
const put = (job, since) => {
  const known = cards.get(job.id);
  if (known) { known.updateSince(job, since); return; }
  const card = cardOf(job, since, acts), older = [...$("list").children].find((each) => Number(each.dataset.created) < job.created);
  $("list").insertBefore(card.element, older ?? null);
  cards.set(job.id, card);
  $("none").hidden = true;
};
const open = () => [...cards.values()].map(({ job }) => job).filter(({ state }) => !ENDED.includes(state));
const fits = (job) => (!$("of").value || job.workflow === $("of").value) && (!$("state").value || job.state === $("state").value);

// A few jobs are heard as they run: those that run before those that wait. The others are asked for, and so are
// those whose events are refused.
const watch = () => {
  const order = { in_progress: 0, pending: 1 }, waiting = open().sort((one, other) => order[one.state] - order[other.state] || other.created - one.created);
  const heard = waiting.filter(({ id }) => !refused.has(id)).slice(0, STREAMS), ids = new Set(heard.map(({ id }) => id));
  for (const [id, stream] of [...streams]) if (!ids.has(id)) { streams.delete(id); stream.abort(); }
  for (const job of heard) {
    if (streams.has(job.id)) continue;
    const stream = new AbortController(), card = cards.get(job.id);
    streams.set(job.id, stream);
    follow(job.events, card.hears, stream.signal).then((isHeard) => {
      if (streams.get(job.id) !== stream) return;
      streams.delete(job.id);
      if (!isHeard) { refused.add(job.id); watch(); }
    });
  }
  clearTimeout(timer);
  const moves = waiting.some(({ state }) => state === "pending");  // no event tells of a place in the queue
  if (moves || waiting.length > streams.size) timer = setTimeout(() => refresh(), 2000);
};
const query = () => {
  const found = new URLSearchParams({ limit: String(PAGE) });
  if ($("of").value) found.set("workflow", $("of").value);
  if ($("state").value) found.set("state", $("state").value);
  return `/jobs?${found}`;
};
let lost = false;
const guard = async (act) => {
  try {
    await act();
    if (lost) warn("");
    lost = false;
  } catch (error) {
    lost = true;
    warn(error instanceof Refused ? error.message : "The service does not answer. This page tries again.");
    clearTimeout(timer);
    timer = setTimeout(() => refresh(), 5000);
  }
};
// The newest jobs, and those of the list that are still open.
const refresh = () => guard(async () => {
  const turn = asked, since = performance.now(), found = await get(query());
  if (turn !== asked) return;
  if (turn !== listed || !cards.size) next = found.next;
  listed = turn;
  for (const job of found.jobs) put(job, since);
  const told = new Set(found.jobs.map(({ id }) => id));
  for (const job of open().filter(({ id }) => !told.has(id) && !streams.has(id)).slice(0, PAGE)) {
    const begun = performance.now();
    let known = null;
    try { known = await get(job.url); } catch (error) { if (!(error instanceof Refused) || error.status !== 404) throw error; }
    const card = cards.get(job.id);
    if (card && known) card.updateSince(known, begun);
    else if (card) { card.close(); cards.delete(job.id); }  // the service no longer has it
  }
  settle();
});
const settle = () => {
  $("none").hidden = cards.size > 0;
  $("more").hidden = !next;
  watch();
};
const list = () => {
  asked += 1;
  for (const stream of streams.values()) stream.abort();
  streams.clear();
  refused.clear();
  for (const card of cards.values()) card.close();
  cards.clear();
  next = null;
  return refresh();
};
$("more").addEventListener("click", () => guard(async () => {
  const turn = asked, since = performance.now(), last = $("list").lastElementChild, found = await get(next);
  if (turn !== asked) return;
  next = found.next;
  for (const job of found.jobs) put(job, since);
  settle();
  const following = last && last.nextElementSibling;
  if (following && $("more").hidden) following.querySelector("summary").focus();
}));
for (const id of ["of", "state"]) $(id).addEventListener("change", list);
document.addEventListener("visibilitychange", () => { if (!document.hidden && workflows.length) refresh(); });

// Workflows and their forms

const runs = async (workflow, form, general, submit) => {
  const values = form.read();
  general.textContent = "";
  if (!values) return;
  submit.disabled = true;
  try {
    const [body, kind] = bodyOf(values), since = performance.now(), job = await send(workflow.jobs, body, kind);
    mine.add(job.id);
    if (fits(job)) {
      put(job, since);
      if (matchMedia("(max-width: 760px)").matches) $("right").scrollIntoView({ block: "start" });
    }
    say(`${workflow.name}: sent`);
    watch();
  } catch (error) {
    const others = error instanceof Refused ? form.tell(error.problems) : [];
    const known = error instanceof Refused && error.problems.length;
    general.textContent = clean(others.join("; ") || (known ? "" : error instanceof Refused ? error.message : "The service does not answer; nothing was sent. Try again."));
  } finally { submit.disabled = false; }
};
const build = (workflow, schema) => {
  const form = formOf(schema), place = make("div"), general = make("p", "problem"), submit = make("button", "main", "Run"), bottom = make("div", "bottom");
  general.setAttribute("role", "alert");
  submit.type = "submit";
  bottom.append(submit, button("Reset", () => { form.write({}); general.textContent = ""; }, "Reset to the defaults"));
  form.element.append(general, bottom);
  form.element.addEventListener("submit", (event) => { event.preventDefault(); if (!submit.disabled) runs(workflow, form, general, submit); });
  form.element.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.element.requestSubmit(); } });
  place.append(make("h2", "", workflow.name));
  if (workflow.description) place.append(make("p", "about", workflow.description));
  place.append(form.element);
  form.write({});
  return { place, form, general };
};
const choose = async (name) => {
  const workflow = workflows.find((each) => each.name === name) || workflows[0];
  current = workflow.name;
  for (const link of $("workflows").querySelectorAll("a")) {
    if (link.dataset.name === current) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (!forms.has(current)) {
    const built = build(workflow, await get(workflow.schema_url));
    forms.set(workflow.name, built);
    // Without them a name is written by hand.
    get(`/workflows/${encodeURIComponent(workflow.name)}/choices`).then(({ choices }) => built.form.offer(choices), () => {});
  }
  if (current === workflow.name) $("form").replaceChildren(forms.get(current).place);
  return forms.get(workflow.name);
};
const named = () => { try { return decodeURIComponent(location.hash.slice(2)); } catch { return ""; } };
const useAgain = (job) => guard(async () => {
  if (!workflows.some(({ name }) => name === job.workflow)) { warn(`${job.workflow} is no longer served.`); return; }
  if (current !== job.workflow) history.replaceState(null, "", `#/${encodeURIComponent(job.workflow)}`);
  const { form, general, place } = await choose(job.workflow), others = form.write(job.parameters);
  general.textContent = others.length ? clean(`There is no longer a parameter ${others.join(", ")}.`) : "";
  place.scrollIntoView({ block: "start" });
  const first = place.querySelector("input, textarea, select");
  if (first) first.focus({ preventScroll: true });
  say(`The form has the values of this job of ${job.workflow}.`);
});
addEventListener("hashchange", () => { if (location.hash.startsWith("#/") && named() !== current) guard(() => choose(named())); });
// A file that is dropped beside a field must not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

const links = () => {
  $("workflows").replaceChildren(...workflows.map(({ name, description }) => {
    const link = make("a", "", name);
    link.href = `#/${encodeURIComponent(name)}`;
    link.dataset.name = name;
    if (description) link.title = clean(description);
    return link;
  }));
  $("workflows").hidden = workflows.length < 2;
  $("of").replaceChildren(new Option("all", ""), ...workflows.map(({ name }) => new Option(clean(name), name)));
};
const begin = async () => {
  try {
    ({ workflows, editor } = await get("/workflows"));
    $("main").hidden = false;
    $("forget").hidden = !key;
    warn("");
    links();
    await choose(named());
    await list();
  } catch (error) {
    warn(error instanceof Refused ? error.message : "The service does not answer. This page tries again.");
    setTimeout(begin, 5000);
  }
};
$("forget").addEventListener("click", () => { keep(""); location.reload(); });
begin();
