// Jobs: a card for each, with progress, results and parameters.

const ENDED = ["completed", "failed", "invalid", "cancelled"];
const STATES = { pending: "waiting", in_progress: "running", completed: "done", failed: "failed", invalid: "refused", cancelled: "cancelled" };
const KEYED = () => Boolean(key);

// Files. With a key they are fetched by hand, for an address in a page carries none.
const file = async (output) => (await request(output.url)).blob();
const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting && target.load) { near.unobserve(target); target.load(); }
  }
}, { rootMargin: "400px" });
const source = (element, output, now = false) => {
  if (!KEYED()) { element.src = output.url; return; }
  element.load = () => file(output).then((blob) => {
    if (element.released) return;
    element.src = URL.createObjectURL(blob);
    element.owned = true;
  }, (error) => element.replaceWith(make("span", "problem", `${output.name}: ${error.message}`)));
  if (now) element.load(); else near.observe(element);
};
const release = (within) => {
  for (const each of within.querySelectorAll("img, video, audio")) {
    near.unobserve(each);
    each.released = true;
    if (each.owned) URL.revokeObjectURL(each.src);
  }
};
const download = (output) => {
  const link = make("a", "", "Download");
  link.href = output.url;
  link.download = output.name;
  link.setAttribute("aria-label", clean(`Download ${output.name}`));
  link.addEventListener("click", (event) => {
    if (!KEYED()) return;
    event.preventDefault();
    file(output).then((blob) => save(blob, output.name), (error) => warn(error.message));
  });
  return link;
};

// Pictures, one after the other.
let viewed = [], at = 0;
const view = (outputs, index) => {
  viewed = outputs;
  at = index;
  release($("viewer"));
  const picture = make("img"), output = outputs[index];
  picture.id = "viewer-picture";
  picture.alt = clean(output.name);
  $("viewer-picture").replaceWith(picture);
  source(picture, output, true);
  $("viewer-name").textContent = clean(`${output.name} (${index + 1} of ${outputs.length})`);
  $("back").disabled = index === 0;
  $("forth").disabled = index === outputs.length - 1;
  if (!$("viewer").open) { $("viewer").showModal(); $("viewer-close").focus(); }
};
const turn = (by) => { if (viewed[at + by]) view(viewed, at + by); };
$("back").addEventListener("click", () => turn(-1));
$("forth").addEventListener("click", () => turn(1));
$("viewer-close").addEventListener("click", () => $("viewer").close());
$("viewer").addEventListener("click", (event) => { if (event.target === $("viewer")) $("viewer").close(); });
$("viewer").addEventListener("keydown", (event) => { if (event.key === "ArrowLeft") turn(-1); if (event.key === "ArrowRight") turn(1); });

const shown = (output, pictures) => {
  const figure = make("figure"), kind = output.media_type.split("/")[0];
  if (kind === "image") {
    const picture = make("img"), open = button(undefined, () => view(pictures, pictures.indexOf(output)), `Enlarge ${output.name}`);
    picture.alt = clean(output.name);
    picture.loading = "lazy";
    picture.decoding = "async";
    source(picture, output.thumbnail ? { ...output, url: output.thumbnail } : output);
    open.className = "picture";
    open.append(picture);
    figure.append(open);
  } else if (kind === "video" || kind === "audio") {
    const player = make(kind);
    player.controls = true;
    player.preload = "metadata";
    player.setAttribute("aria-label", clean(output.name));
    source(player, output);
    figure.append(player);
  }
  const caption = make("figcaption"), name = make("span", "name", output.name);
  name.title = clean(output.name);
  caption.append(name, make("span", "faint", size(output.size)), download(output));
  figure.append(caption);
  return figure;
};

const valueText = (value) => typeof value === "string" ? value : JSON.stringify(value);
const table = (parameters) => {
  const made = make("table");
  for (const [name, value] of Object.entries(parameters)) {
    const line = made.insertRow(), head = make("th", "", name);
    head.scope = "row";
    line.append(head, make("td", "", valueText(value)));
  }
  return made;
};
const seconds = (value) => value < 60 ? `${value.toFixed(1)} s` : `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;

const told = (job, progress) => {
  if (job.state === "pending") return job.before ? `Waiting, ${job.before} before it` : "Waiting for a server";
  if (progress && progress.server_away) return "The server does not respond; the job may still run there";
  if (!progress || progress.phase === "queued") {
    return progress && progress.ahead ? `In the server's queue, ${progress.ahead} before it` : "In the server's queue";
  }
  const name = progress.title || progress.class_type || "";
  const percent = progress.maximum > 0 ? ` ${Math.round(100 * progress.value / progress.maximum)} %` : "";
  return name ? `Running ${name}${percent}` : "Running";
};

// What a card can also do: `again` fills the form, `gone` is called with a job that has ended.
const cardOf = (first, since, acts) => {
  const element = make("li", "card"), head = make("div", "bar"), state = make("span", "state"), when = make("time", "faint");
  const name = make("h3", "", first.workflow), live = make("div", "live"), line = make("span"), bar = make("progress"), preview = make("img", "preview");
  const results = make("div", "results"), buttons = make("div", "buttons"), place = make("p"), details = make("details"), note = make("p", "problem");
  let job = first, spoken = "", newest = 0;
  for (const each of [note, place]) each.setAttribute("role", "status");
  element.setAttribute("aria-label", clean(`Job of ${first.workflow}`));
  bar.setAttribute("aria-label", clean(`Progress of ${first.workflow}`));
  preview.alt = "What the picture looks like so far";
  preview.hidden = true;
  live.append(line, bar, preview);
  when.dateTime = new Date(1000 * first.created).toISOString();
  head.append(name, state, when);
  const words = Object.values(first.parameters).find((each) => typeof each === "string" && each.trim() && !each.startsWith("upload:"));
  const brief = make("p", "words", words || "");
  details.append(make("summary", "", "Parameters"), table(first.parameters));
  const guarded = (act) => async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    note.textContent = "";
    try { await act(); } catch (error) { note.textContent = clean(error.message); } finally { pressed.disabled = false; }
  };
  const cancel = button("Cancel", guarded(async () => {
    const focused = document.activeElement === cancel || document.activeElement === document.body, asked = performance.now();
    updateSince(readJson(await (await request(first.url, { method: "DELETE" })).text()), asked);
    if (focused) again.focus();
  }), `Cancel this job of ${first.workflow}`);
  const again = button("Use these values again", () => acts.again(job));
  const workflow = button("Workflow file", guarded(async () => save(await (await request(first.workflow_url)).blob(), `${first.workflow}.json`)), "Workflow file for ComfyUI's editor");
  const edit = button("Open in the editor", guarded(async () => {
    const { server, name } = readJson(await (await request(`${first.url}/open`, { method: "POST" })).text());
    const link = make("a", "", server);
    if (/^https?:/.test(server)) link.href = server;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    place.replaceChildren("The editor has it: open ", link, clean(`, and “${name}” in the sidebar's workflows.`));
    link.focus();
  }));
  buttons.append(cancel, again, workflow, ...(acts.editor() ? [edit] : []));
  element.append(head, brief, live, note, results, details, buttons, place);

  const hear = (progress) => {
    const text = told(job, progress);
    line.textContent = clean(text);
    if (progress && progress.maximum > 0) { bar.max = progress.maximum; bar.value = progress.value; } else bar.removeAttribute("value");
    const phase = text.replace(/ \d+ %$/, "");
    if (phase !== spoken && acts.speaks(job)) { spoken = phase; say(`${first.workflow}: ${phase}`); }
  };
  const show = () => {
    release(results);
    results.replaceChildren();
    if (job.failure) {
      const [line, ...rest] = (job.failure.message || job.failure.kind).trim().split("\n");
      results.append(make("p", "failure", line));
      if (rest.length) {
        const more = make("details");
        more.append(make("summary", "", "All that was said"), make("pre", "", rest.join("\n")));
        results.append(more);
      }
    }
    const pictures = job.outputs.filter((each) => each.media_type.startsWith("image/"));
    const gallery = make("div", "gallery");
    gallery.append(...job.outputs.map((each) => shown(each, pictures)));
    if (job.outputs.length) results.append(gallery);
    for (const text of Object.values(job.texts).flat()) results.append(make("pre", "", text));
    if (job.state === "completed" && !results.childNodes.length) results.append(make("p", "faint", "This job has no files and no text."));
  };
  const update = (found, asked = performance.now()) => {
    const had = job, ended = ENDED.includes(found.state), fresh = !state.textContent;
    job = found;
    newest = asked;
    element.dataset.state = job.state;
    state.textContent = STATES[job.state] || job.state;
    const took = job.ended && job.sent ? `, ${seconds(Math.max(0, job.ended - job.sent))}` : "";
    when.textContent = `${new Date(1000 * job.created).toLocaleString()}${ended ? took : ""}`;
    live.hidden = ended;
    cancel.hidden = ended;
    if (ended) { preview.hidden = true; preview.removeAttribute("src"); } else hear(job.progress);
    if (fresh || had.state !== job.state || had.outputs.length !== job.outputs.length) show();
    if (ended && !fresh && had.state !== job.state && acts.speaks(job)) {
      say(`${first.workflow}: ${STATES[job.state]}${job.failure ? `, ${job.failure.message}` : ""}`);
    }
    if (ended) acts.gone(job);
  };
  // What was asked for before the newest was heard of may be older than that.
  const updateSince = (found, asked) => { if (asked > newest) update(found, asked); };
  element.dataset.created = first.created;
  update(first, since);
  return {
    element, updateSince,
    get job() { return job; },
    hears: (event, data) => {
      if (ENDED.includes(job.state)) return true;  // heard of elsewhere, while this was on its way
      if (event === "state") update(readJson(data));
      else if (event === "progress") { job = { ...job, progress: readJson(data) }; hear(job.progress); }
      else if (event === "server") { job = { ...job, progress: { phase: "queued", ...job.progress, server_away: !readJson(data).answers } }; hear(job.progress); }
      else if (event === "preview") {
        const { image } = JSON.parse(data);
        if (/^data:image\/(png|jpeg);base64,/.test(image)) { preview.src = image; preview.hidden = false; }
      }
      return ENDED.includes(job.state);
    },
    close: () => { release(element); element.remove(); },
  };
};
