"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  let data = JSON.parse($("data").textContent);
  const CAPTION = matchMedia("(max-width: 640px)").matches ? 32 : 26;
  const ICONS = { picture: "\u{1F5BC}", video: "\u{1F39E}", sound: "\u{1F50A}", file: "\u{1F4C4}" };
  const HIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;
  const clean = (text) => text.replace(HIDDEN, "\ufffd");
  const make = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = clean(text);
    return made;
  };
  const button = (name, text, label, act) => {
    const made = make("button", name, text);
    made.type = "button";
    if (label) { made.title = label; made.setAttribute("aria-label", label); }
    made.addEventListener("click", act);
    return made;
  };

  // Values are JSON as it was written, so that a large seed stays what it is.
  const plain = (json) => json[0] === '"' ? JSON.parse(json) : json;
  const cell = (row, column) => row.values[column] < 0 ? null : data.columns[column].values[row.values[column]];
  const shownCell = (row, column) => { const found = cell(row, column); return found === null ? "—" : plain(found); };
  const label = (row) => `row ${row.number}`;

  const keep = `comfyflow-sheet:${data.id}`;
  const favourites = new Set();
  // A browser may refuse to keep anything; then favourites last as long as the page.
  try { for (const each of JSON.parse(localStorage.getItem(keep) || "[]")) favourites.add(Number(each)); } catch { favourites.clear(); }
  let compared = [];

  const state = { x: data.x, y: data.y, sort: "row", descending: false, search: "", state: "", only: false, size: 180, filters: new Map() };
  let ranks = [], items = [], shown = [], lines = [], heads = { across: [], down: [] }, columns = 1, counted = 0, current = null, tagged = new Map();

  // What one looks for

  const rankOf = (column) => {
    const numeric = column.values.length > 0 && column.values.every((each) => /^-?\d/.test(each));
    const places = column.values.map((_, index) => index);
    if (numeric) places.sort((one, other) => Number(column.values[one]) - Number(column.values[other]) || one - other);
    const rank = new Array(places.length);
    places.forEach((index, place) => { rank[index] = place; });
    return rank;
  };
  const read = () => {
    ranks = data.columns.map(rankOf);
    items = [];
    tagged = new Map();
    for (const row of data.rows) {
      const files = row.files || [null];
      files.forEach((file, index) => {
        const key = `${row.number}/${index}`;
        const item = { key, row, file, index, count: files.length, column: 0, line: 0 };
        items.push(item);
        tagged.set(key, item);
      });
      row.words = [String(row.number), data.states[row.state], row.error || "", ...(row.texts || []),
        ...data.columns.map((column, index) => row.values[index] < 0 ? "" : `${column.name}=${shownCell(row, index)}`)].join("\n").toLowerCase();
    }
    compared = compared.filter((key) => tagged.has(key));
  };
  const fits = ({ row }) => (!state.only || favourites.has(row.number)) && (state.state === "" || data.states[row.state] === state.state)
    && state.words.every((word) => row.words.includes(word))
    && [...state.filters].every(([name, value]) => { const at = data.columns.findIndex((each) => each.name === name); return at < 0 || (cell(row, at) ?? "") === value; });
  const rank = (row, column) => row.values[column] < 0 ? -1 : ranks[column][row.values[column]];
  const measure = (row) => {
    if (state.sort === "row") return row.number;
    if (state.sort === "seconds") return row.seconds ?? -1;
    if (state.sort === "state") return row.state;
    return rank(row, Number(state.sort));
  };

  // Where everything stands

  const arrange = () => {
    state.words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
    const found = items.filter(fits);
    const sign = state.descending ? -1 : 1;
    found.sort((one, other) => sign * (measure(one.row) - measure(other.row)) || one.row.number - other.row.number || one.index - other.index);
    lines = [];
    heads = { across: [], down: [] };
    const grid = state.x !== null || state.y !== null;
    $("sheet").classList.toggle("wall", !grid);
    if (grid) asGrid(found); else asWall(found);
    shown = lines.flatMap((line) => line || []);
    counted = new Set(found.map((each) => each.row.number)).size;
    if (!current || !shown.some((each) => each.key === current)) current = shown.length ? shown[0].key : null;
    place();
  };
  const asWall = (found) => {
    columns = Math.max(1, Math.floor(($("view").clientWidth || innerWidth) / state.size));
    found.forEach((item, index) => put(item, index % columns, Math.floor(index / columns)));
  };
  const put = (item, column, line) => {
    item.column = column;
    item.line = line;
    (lines[line] ||= []).push(item);
  };
  const axis = (found, column) => {
    if (column === null) return [[0, ""]];
    const values = new Map();
    for (const { row } of found) values.set(rank(row, column), shownCell(row, column));
    return [...values].sort((one, other) => one[0] - other[0]);
  };
  const asGrid = (found) => {
    const xs = axis(found, state.x), ys = axis(found, state.y);
    const at = new Map(xs.map(([value], index) => [value, index]));
    const cells = new Map();
    for (const item of found) {
      const y = state.y === null ? 0 : rank(item.row, state.y), x = at.get(state.x === null ? 0 : rank(item.row, state.x));
      if (!cells.has(y)) cells.set(y, new Map());
      const line = cells.get(y);
      if (line.has(x)) line.get(x).push(item); else line.set(x, [item]);
    }
    columns = Math.max(1, xs.length);
    heads.across = xs.map(([, text], column) => ({ text, column, span: 1 }));
    let top = 0;
    for (const [value, text] of ys) {
      let depth = 0;
      for (const [column, stack] of [...(cells.get(value) || [])].sort((one, other) => one[0] - other[0])) {
        stack.forEach((item, index) => put(item, column, top + index));
        depth = Math.max(depth, stack.length);
      }
      heads.down.push({ text, line: top, span: depth });
      top += depth;
    }
    const name = (index) => index === null ? "" : data.columns[index].label;
    $("corner").textContent = [name(state.y), name(state.x)].filter(Boolean).join(" \\ ");
  };

  // What is drawn: only what is in sight

  const drawn = new Map();
  const height = () => state.size + CAPTION;
  const place = () => {
    $("canvas").style.width = `${columns * state.size}px`;
    $("canvas").style.height = `${lines.length * height()}px`;
    for (const tile of drawn.values()) tile.remove();
    drawn.clear();
    draw();
    choices();
  };
  const draw = () => {
    const view = $("view"), high = height();
    const top = Math.max(0, Math.floor(view.scrollTop / high) - 1), bottom = Math.ceil((view.scrollTop + view.clientHeight) / high) + 1;
    const left = Math.floor(view.scrollLeft / state.size) - 1, right = Math.ceil((view.scrollLeft + view.clientWidth) / state.size) + 1;
    const wanted = new Set();
    for (let line = top; line < Math.min(bottom, lines.length); line++) {
      for (const item of lines[line] || []) {
        if (item.column < left || item.column > right) continue;
        wanted.add(item.key);
        if (!drawn.has(item.key)) {
          const tile = tileOf(item);
          drawn.set(item.key, tile);
          $("canvas").append(tile);
        }
      }
    }
    for (const [key, tile] of drawn) {
      if (!wanted.has(key) && !tile.contains(document.activeElement)) { tile.remove(); drawn.delete(key); }
    }
    headings();
  };
  const headings = () => {
    const view = $("view");
    const head = ({ text }, style) => { const made = make("div", "head", text); made.title = clean(text); Object.assign(made.style, style); return made; };
    $("across").replaceChildren(...heads.across
      .map((each) => [each, each.column * state.size - view.scrollLeft])
      .filter(([, left]) => left > -state.size && left < view.clientWidth)
      .map(([each, left]) => head(each, { left: `${left}px`, width: `${state.size}px` })));
    $("down").replaceChildren(...heads.down
      .map((each) => [each, each.line * height() - view.scrollTop, each.span * height()])
      .filter(([, top, high]) => top > -high && top < view.clientHeight)
      .map(([each, top, high]) => head(each, { top: `${Math.max(top, 0)}px`, height: `${Math.max(high + Math.min(top, 0), 0)}px`, width: "100%" })));
  };
  const address = (file) => {
    if (!file.thumbnail || data.troubles[file.thumbnail]) return "";
    return data.pictures ? `data:image/webp;base64,${data.pictures[file.thumbnail]}` : data.folder + file.thumbnail;
  };
  const words = (item) => {
    const { row, file } = item;
    const made = make("span");
    if (row.error) { made.className = "error"; made.textContent = clean(row.error); }
    else if (file) {
      made.className = "icon";
      made.textContent = ICONS[file.kind];
      made.title = clean((file.thumbnail && data.troubles[file.thumbnail]) || file.name);
    }
    else made.textContent = clean((row.texts || []).join("\n") || data.states[row.state].replace("_", " "));
    return made;
  };
  const face = (item) => {
    const found = item.file && address(item.file);
    if (!found) return words(item);
    const image = make("img");
    image.alt = "";
    image.decoding = "async";
    image.addEventListener("error", () => image.replaceWith(words(item)), { once: true });
    image.src = found;
    return image;
  };
  const tileOf = (item) => {
    const tile = make("div", "tile"), box = make("div"), { row } = item;
    Object.assign(tile.style, { left: `${item.column * state.size}px`, top: `${item.line * height()}px`, width: `${state.size}px`, height: `${height()}px` });
    tile.dataset.key = item.key;
    const told = data.columns.map((column, index) => `${column.label}: ${shownCell(row, index)}`).join("\n");
    const open = button("open", undefined, `${label(row)}, ${data.states[row.state].replace("_", " ")}`, () => { current = item.key; look([item]); });
    open.title = clean(`${label(row)}\n${told}`).slice(0, 1000);
    open.tabIndex = item.key === current ? 0 : -1;
    open.append(face(item));
    const caption = make("div", "caption"), others = data.columns.map((_, index) => index)
      .filter((index) => index !== state.x && index !== state.y && data.columns[index].values.length > 1);
    caption.append(make("span", "", [label(row), ...others.map((index) => shownCell(row, index))].join(" · ").slice(0, 200)));
    const star = button("star", "★", "Favourite", () => favour(row)), pair = button("pair", "⇆", "Compare", () => choose(item));
    for (const each of [star, pair]) { each.tabIndex = -1; caption.append(each); }
    box.append(open, caption);
    const many = item.count > 1 ? `${item.index + 1}/${item.count}` : "";
    const moving = item.file && ["video", "sound"].includes(item.file.kind) ? ICONS[item.file.kind] : "";
    if (many || moving) box.append(make("div", "badge", `${moving} ${many}`.trim()));
    tile.append(box);
    mark(tile, item);
    return tile;
  };
  const mark = (tile, item) => {
    tile.classList.toggle("compared", compared.includes(item.key));
    tile.querySelector(".star").setAttribute("aria-pressed", favourites.has(item.row.number));
    tile.querySelector(".pair").setAttribute("aria-pressed", compared.includes(item.key));
  };
  const tell = () => {
    const failed = data.rows.filter((row) => ["failed", "invalid"].includes(data.states[row.state])).length;
    $("told").textContent = `${counted.toLocaleString()} of ${data.rows.length.toLocaleString()} rows`
      + (failed ? `, ${failed.toLocaleString()} failed` : "") + (favourites.size ? `, ${favourites.size.toLocaleString()} favourites` : "");
  };
  const choices = () => {
    tell();
    for (const [key, tile] of drawn) mark(tile, tagged.get(key));
    $("compare").disabled = compared.length !== 2;
    $("compare").textContent = compared.length ? `Compare (${compared.length} of 2)` : "Compare";
    $("export").disabled = !favourites.size;
  };

  // What one does

  const favour = (row) => {
    if (!favourites.delete(row.number)) favourites.add(row.number);
    try { localStorage.setItem(keep, JSON.stringify([...favourites])); } catch { $("told").title = "This browser keeps no favourites: export them before you close the page."; }
    if (state.only) arrange(); else choices();
  };
  const choose = (item) => {
    compared = compared.includes(item.key) ? compared.filter((key) => key !== item.key) : [...compared, item.key].slice(-2);
    choices();
  };
  const exported = () => data.rows.filter((row) => favourites.has(row.number)).map((row) => {
    const pairs = data.columns.map((column, index) => [column.name, cell(row, index)]).filter(([, value]) => value !== null);
    return `{${pairs.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ")}}\n`;
  }).join("");
  $("export").addEventListener("click", () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([exported()], { type: "application/jsonl" }));
    link.download = "favourites.jsonl";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
  $("compare").addEventListener("click", () => { if (compared.length === 2) look(compared.map((key) => tagged.get(key))); });

  const stage = (item) => {
    const made = make("div", "stage"), { row, file } = item;
    if (file && file.url && (file.kind === "video" || file.kind === "sound")) {
      const player = make(file.kind === "video" ? "video" : "audio");
      player.controls = true;
      player.preload = "metadata";
      if (address(file)) player.poster = address(file);
      player.src = file.url;
      made.append(player);
    } else if (file && (file.url || address(file))) {
      const image = make("img"), small = address(file);
      image.alt = clean(file.name);
      image.addEventListener("error", () => { if (small && image.getAttribute("src") !== small) image.src = small; else image.replaceWith(words(item)); });
      image.src = file.kind === "picture" && file.url ? file.url : small;
      made.append(image);
    } else made.append(make("pre", row.error ? "error" : "", row.error || (row.texts || []).join("\n\n") || (file ? file.name : data.states[row.state])));
    return made;
  };
  const side = (item, other) => {
    const made = make("section", "side"), { row, file } = item, facts = make("div", "facts"), table = make("table");
    const fact = (name, text, different) => {
      const line = make("tr");
      line.append(make("th", "", name), make("td", different ? "other" : "", text));
      table.append(line);
    };
    fact("row", `${row.number}, ${data.states[row.state].replace("_", " ")}`);
    data.columns.forEach((column, index) => fact(column.label, shownCell(row, index), other && cell(row, index) !== cell(other.row, index)));
    if (file) fact("file", file.name);
    if (row.seconds !== undefined) fact("seconds", String(row.seconds));
    if (row.error) fact("error", row.error);
    if (row.texts && file) fact("texts", row.texts.join("\n"));
    facts.append(table);
    const buttons = make("div", "buttons"), star = button("star", "★ Favourite", "", () => { favour(row); star.setAttribute("aria-pressed", favourites.has(row.number)); });
    star.setAttribute("aria-pressed", favourites.has(row.number));
    buttons.append(star);
    if (!other) {
      buttons.prepend(button("", "←", "Previous", () => step(-1)));
      buttons.append(button("", "→", "Next", () => step(1)));
    }
    made.append(stage(item), buttons, facts);
    return made;
  };
  let looking = [];
  const look = (chosen) => {
    looking = chosen;
    $("shown").replaceChildren(...chosen.map((item, index) => side(item, chosen[1 - index])));
    if (!$("dialog").open) $("dialog").showModal();
  };
  const step = (by) => {
    const next = shown[shown.findIndex((each) => each.key === looking[0].key) + by];
    if (next) { current = next.key; look([next]); }
  };
  $("close").firstChild.addEventListener("click", () => $("dialog").close());
  $("dialog").addEventListener("click", (event) => { if (event.target === $("dialog")) $("dialog").close(); });
  $("dialog").addEventListener("close", () => { $("shown").replaceChildren(); focus(current); });
  $("dialog").addEventListener("keydown", (event) => {
    if (event.target.closest("video, audio") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "f") for (const item of looking.slice(0, 1)) { favour(item.row); look(looking); }
    if (looking.length === 1 && event.key === "ArrowRight") step(1);
    if (looking.length === 1 && event.key === "ArrowLeft") step(-1);
  });

  const focus = (key) => {
    const item = tagged.get(key);
    if (!item) return;
    current = key;
    const view = $("view"), high = height(), top = item.line * high, left = item.column * state.size;
    if (top < view.scrollTop) view.scrollTop = top;
    if (top + high > view.scrollTop + view.clientHeight) view.scrollTop = top + high - view.clientHeight;
    if (left < view.scrollLeft) view.scrollLeft = left;
    if (left + state.size > view.scrollLeft + view.clientWidth) view.scrollLeft = left + state.size - view.clientWidth;
    draw();
    for (const [each, tile] of drawn) tile.querySelector(".open").tabIndex = each === key ? 0 : -1;
    drawn.get(key)?.querySelector(".open").focus({ preventScroll: true });
    draw();
  };
  const beside = (item, by) => {
    for (let line = item.line + by; line >= 0 && line < lines.length; line += by) {
      const near = (lines[line] || []).reduce((best, each) => !best || Math.abs(each.column - item.column) < Math.abs(best.column - item.column) ? each : best, null);
      if (near) return near;
    }
    return null;
  };
  const moves = { ArrowRight: (at) => shown[at + 1], ArrowLeft: (at) => shown[at - 1], Home: () => shown[0], End: () => shown[shown.length - 1] };
  $("view").addEventListener("keydown", (event) => {
    const item = tagged.get(current);
    if (!item || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor($("view").clientHeight / height()));
    let next;
    if (moves[event.key]) next = moves[event.key](shown.indexOf(item));
    else if (event.key === "ArrowDown") next = beside(item, 1);
    else if (event.key === "ArrowUp") next = beside(item, -1);
    else if (event.key === "PageDown" || event.key === "PageUp") {
      next = item;
      for (let count = 0; count < page; count++) next = beside(next, event.key === "PageDown" ? 1 : -1) || next;
    }
    else if (event.key === "f") favour(item.row);
    else if (event.key === "c") choose(item);
    else return;
    event.preventDefault();
    if (next) focus(next.key);
  });
  $("view").addEventListener("focusin", (event) => { current = event.target.closest(".tile")?.dataset.key ?? current; });
  window.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input, select") || $("dialog").open) return;
    event.preventDefault();
    $("tools").open = true;
    $("search").focus();
  });

  // The tools

  const options = (select, listed, chosen) => {
    select.replaceChildren(...listed.map(([value, text]) => { const made = make("option", "", text.slice(0, 80)); made.value = value; return made; }));
    select.value = chosen;
  };
  const varying = () => data.columns.map((column, index) => [column, index]).filter(([column]) => column.values.length > 1);
  const tools = () => {
    const all = data.columns.map((column, index) => [String(index), column.label]);
    options($("x"), [["", "none"], ...all], state.x === null ? "" : String(state.x));
    options($("y"), [["", "none"], ...all], state.y === null ? "" : String(state.y));
    options($("sort"), [["row", "row"], ["state", "state"], ["seconds", "seconds"], ...all], state.sort);
    options($("state"), [["", "any"], ...data.states.map((each) => [each, each.replace("_", " ")])], state.state);
    $("filters").replaceChildren(...varying().filter(([column]) => column.values.length <= 200).map(([column, index]) => {
      const made = make("label", "", `${column.label} `), select = make("select");
      const order = column.values.map((value, place) => [value, ranks[index][place]]).sort((one, other) => one[1] - other[1]);
      options(select, [["", "any"], ...order.map(([value]) => [value, plain(value)])], state.filters.get(column.name) ?? "");
      select.addEventListener("change", () => {
        if (select.value) state.filters.set(column.name, select.value); else state.filters.delete(column.name);
        arrange();
      });
      made.append(select);
      return made;
    }));
  };
  const axisOf = (id) => () => { state[id] = $(id).value === "" ? null : Number($(id).value); $("view").scrollTo(0, 0); arrange(); };
  $("x").addEventListener("change", axisOf("x"));
  $("y").addEventListener("change", axisOf("y"));
  $("sort").addEventListener("change", () => { state.sort = $("sort").value; arrange(); });
  $("state").addEventListener("change", () => { state.state = $("state").value; arrange(); });
  $("only").addEventListener("change", () => { state.only = $("only").checked; arrange(); });
  $("size").addEventListener("input", () => { state.size = Number($("size").value); arrange(); });
  $("search").addEventListener("input", () => { state.search = $("search").value; arrange(); });
  $("search").addEventListener("keydown", (event) => { if (event.key === "Escape") { $("search").value = state.search = ""; arrange(); focus(current); } });
  $("order").addEventListener("click", () => { state.descending = !state.descending; $("order").setAttribute("aria-pressed", state.descending); arrange(); });
  $("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  });
  let waiting = false;
  $("view").addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }, { passive: true });
  new ResizeObserver(() => { if (state.x === null && state.y === null) arrange(); else draw(); }).observe($("view"));

  // A batch that runs

  const follow = async () => {
    try {
      const answer = await fetch(`rows?since=${data.version}`);
      if (answer.status === 200) {
        const held = $("view").contains(document.activeElement);
        const names = data.columns.map((each) => each.name);
        data = await answer.json();
        const again = (index) => { const found = data.columns.findIndex((each) => each.name === names[index]); return found < 0 ? null : found; };
        if (state.x !== null) state.x = again(state.x);
        if (state.y !== null) state.y = again(state.y);
        if (/^\d/.test(state.sort)) state.sort = String(again(Number(state.sort)) ?? "row");
        read();
        tools();
        arrange();
        if (held) focus(current);
      }
      document.title = clean(data.title);
    } catch { document.title = `(ended) ${clean(data.title)}`; }
    setTimeout(follow, 1000);
  };

  if (innerWidth > 900) $("tools").open = true;
  if (innerWidth <= 640) { state.size = 120; $("size").value = 120; }
  read();
  tools();
  arrange();
  if (data.live) follow();
})();
