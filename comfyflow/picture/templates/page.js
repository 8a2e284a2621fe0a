"use strict";
(() => {
  const svg = document.querySelector("#picture > svg");
  const whole = svg.viewBox.baseVal;
  const all = { x: 0, y: 0, width: whole.width, height: whole.height };
  const view = { ...all };
  const nodes = new Map();
  for (const node of svg.querySelectorAll("[data-node]")) nodes.set(Number(node.dataset.node), node);
  const before = new Map(), behind = new Map();
  const add = (map, key, value) => map.has(key) ? map.get(key).push(value) : map.set(key, [value]);
  for (const pair of (svg.dataset.needs || "").trim().split(" ")) {
    const [source, target] = pair.split(",").map(Number);
    if (pair) { add(before, target, source); add(behind, source, target); }
  }
  const inner = (number) => (nodes.get(number).dataset.inner || "").split(" ").filter(Boolean).map(Number);

  const show = () => svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  const fit = (box) => {
    const ratio = Math.max(0.05, svg.clientWidth / Math.max(1, svg.clientHeight));
    let { x, y, width, height } = box;
    if (width / height < ratio) { x -= (height * ratio - width) / 2; width = height * ratio; }
    else { y -= (width / ratio - height) / 2; height = width / ratio; }
    Object.assign(view, { x, y, width, height });
    show();
  };
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const zoom = (factor, [left, top] = [0.5, 0.5]) => {
    const width = Math.min(Math.max(view.width * factor, 100), all.width * 20 + 1000);
    const scale = width / view.width;
    view.x += view.width * left * (1 - scale);
    view.y += view.height * top * (1 - scale);
    view.height *= scale;
    view.width = width;
    show();
  };

  const reach = (starts, near) => {
    const found = new Set(starts), waiting = [...starts];
    while (waiting.length) {
      for (const other of near.get(waiting.pop()) || []) {
        if (!found.has(other)) { found.add(other); waiting.push(other); }
      }
    }
    return found;
  };
  const mark = (kept, chosen) => {
    for (const [number, node] of nodes) {
      const holds = kept && (kept.has(number) || inner(number).some((each) => kept.has(each)));
      node.classList.toggle("cf-faint", Boolean(kept) && !holds);
      node.classList.toggle("cf-chosen", number === chosen);
    }
    for (const link of svg.querySelectorAll("[data-from]")) {
      const ends = [Number(link.dataset.from), Number(link.dataset.to)];
      const lit = !kept || ends.every((end) => !nodes.get(end).classList.contains("cf-faint"));
      link.classList.toggle("cf-faint", !lit);
    }
  };
  const choose = (number) => {
    const starts = inner(number).length ? [number, ...inner(number)] : [number];
    mark(new Set([...reach(starts, before), ...reach(starts, behind)]), number);
  };

  const search = document.querySelector("#search"), told = document.querySelector("#found");
  let hits = [], current = -1;
  const next = () => {
    if (!hits.length) return;
    current = (current + 1) % hits.length;
    const box = nodes.get(hits[current]).getBBox();
    fit({ x: box.x - box.width, y: box.y - box.height, width: box.width * 3, height: box.height * 3 });
    told.textContent = `${current + 1} of ${hits.length}`;
  };
  search.addEventListener("input", () => {
    const words = search.value.trim().toLowerCase();
    hits = words ? [...nodes].filter(([, node]) => node.dataset.words.includes(words)).map(([key]) => key) : [];
    current = -1;
    told.textContent = words ? `${hits.length} found` : "";
    mark(words ? new Set(hits) : null, -1);
    next();
  });
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") next(); });

  const picture = document.querySelector("#picture");
  let from = null, moved = false;
  svg.addEventListener("pointerdown", (event) => { from = at(event); moved = false; });
  window.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = at(event);
    if (!moved && Math.hypot(to[0] - from[0], to[1] - from[1]) < 0.005) return;
    moved = true;
    picture.classList.add("dragged");
    view.x -= (to[0] - from[0]) * view.width;
    view.y -= (to[1] - from[1]) * view.height;
    from = to;
    show();
  });
  window.addEventListener("pointerup", () => { from = null; picture.classList.remove("dragged"); });
  svg.addEventListener("click", (event) => {
    if (moved) return;
    const node = event.target.closest("[data-node]");
    if (node) choose(Number(node.dataset.node)); else mark(null, -1);
  });
  svg.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.15 : 1 / 1.15, at(event));
  }, { passive: false });
  document.querySelector("#in").addEventListener("click", () => zoom(1 / 1.3));
  document.querySelector("#out").addEventListener("click", () => zoom(1.3));
  document.querySelector("#fit").addEventListener("click", () => fit(all));
  document.querySelector("#theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const now = document.documentElement.dataset.theme || (dark ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
  });
  window.addEventListener("keydown", (event) => { if (event.key === "Escape") { search.value = ""; mark(null, -1); } });
  fit(all);
})();
