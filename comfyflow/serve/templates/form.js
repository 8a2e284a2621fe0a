// A form made from the JSON Schema of a workflow's parameters.

let counted = 0;
const number = (value) => typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 10 }) : String(value).replace(/\B(?=(\d{3})+$)/g, ",");
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// What an entry takes, with its definitions in place; an alternative "null" does not count.
const resolved = (entry, definitions, depth = 0) => {
  if (depth > 8 || entry === true || !entry) return {};
  if (typeof entry.$ref === "string") {
    const { $ref, ...more } = entry;
    return { ...resolved(definitions[$ref.replace("#/$defs/", "")], definitions, depth + 1), ...more };
  }
  const choices = entry.anyOf || entry.oneOf;
  if (!choices) return entry;
  const kinds = choices.map((each) => resolved(each, definitions, depth + 1));
  const { anyOf, oneOf, ...more } = entry, real = kinds.filter((each) => each.type !== "null");
  const nullable = real.length < kinds.length || real.some((each) => each.nullable);
  const whole = real.find((each) => each.type === "integer");
  if (real.length === 1) return { ...real[0], ...more, nullable };
  if (whole && real.every((each) => each === whole || (each.type === "string" && /^\^-?\??\[0-9\]\+\$$/.test(each.pattern || "")))) return { ...whole, ...more, nullable, large: true };
  if (real.every((each) => each.enum || "const" in each)) return { ...more, nullable, enum: real.flatMap((each) => each.enum || [each.const]) };
  const files = real.find((each) => each["x-upload"] || each.format === "path");
  if (files && real.every((each) => each.type === "string")) return { ...files, ...more, nullable };
  return { ...more, nullable, several: true };
};

const hintOf = (entry) => {
  const found = [], least = entry.minimum ?? entry.exclusiveMinimum, most = entry.maximum ?? entry.exclusiveMaximum;
  const above = entry.minimum === undefined && least !== undefined, below = entry.maximum === undefined && most !== undefined;
  if (least !== undefined && most !== undefined && !above && !below) found.push(`${number(least)} to ${number(most)}`);
  else {
    if (least !== undefined) found.push(`${above ? "above" : "at least"} ${number(least)}`);
    if (most !== undefined) found.push(`${below ? "below" : "at most"} ${number(most)}`);
  }
  if (entry.multipleOf !== undefined) found.push(`a multiple of ${number(entry.multipleOf)}`);
  if (entry.prefixItems) found.length = 0;
  else if (entry.minItems !== undefined && entry.minItems === entry.maxItems) found.push(`${entry.minItems} values`);
  else {
    if (entry.minItems) found.push(`at least ${number(entry.minItems)} values`);
    if (entry.maxItems !== undefined) found.push(`at most ${number(entry.maxItems)} values`);
  }
  if (entry.minLength) found.push(`at least ${number(entry.minLength)} characters`);
  if (entry.maxLength !== undefined) found.push(`at most ${number(entry.maxLength)} characters`);
  return found.join(", ");
};

// A control has an element, the element that a label is for, and reads and writes a value; undefined is none.
const textControl = (entry) => {
  const input = make(entry["x-multiline"] ? "textarea" : "input");
  if (entry["x-multiline"]) input.rows = 4; else input.type = "text";
  input.autocomplete = "off";
  return {
    element: input, input,
    offer: (id) => input.setAttribute("list", id),
    read: () => input.value === "" && (entry.needed || entry.nullable || entry.several || entry.loose) ? undefined : input.value,
    write: (value) => { input.value = value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value); },
  };
};

// Where several types are taken, JSON is meant as what it is; anything else is a text.
const looseControl = (entry, onlyJson) => {
  const control = textControl({ ...entry, loose: true, "x-multiline": true });
  control.input.rows = onlyJson ? 3 : 1;
  control.input.classList.add("code");
  control.hint = onlyJson ? "JSON" : "text, or JSON";
  const { read } = control;
  control.read = () => {
    const text = read();
    if (text === undefined) return undefined;
    try { return readJson(text); } catch (error) {
      if (onlyJson) throw new Error(`is not JSON: ${error.message}`);
      return text;
    }
  };
  return control;
};

const stepOf = (entry) => entry.multipleOf ?? entry["x-step"] ?? (entry.type === "integer" ? 1 : undefined);
const numberControl = (entry) => {
  const input = make("input"), step = stepOf(entry), whole = entry.type === "integer";
  input.type = "number";
  input.inputMode = whole && !(entry.minimum < 0) ? "numeric" : "decimal";
  input.step = step ?? "any";
  if (entry.minimum !== undefined) input.min = entry.minimum;
  if (entry.maximum !== undefined) input.max = entry.maximum;
  const control = {
    element: input, input,
    read: () => {
      const text = input.value.trim();
      if (input.validity.badInput) throw new Error("is not a number");
      return text === "" ? undefined : whole && /^-?\d+$/.test(text) ? exact(text) : Number(text);
    },
    write: (value) => { input.value = value ?? ""; if (control.follow) control.follow(); },
  };
  const places = (entry.maximum - entry.minimum) / step;
  if (places >= 1 && places <= 1000) {  // few enough for a thumb
    const slider = make("input"), both = make("div", "ranged");
    Object.assign(slider, { type: "range", min: entry.minimum, max: entry.maximum, step, tabIndex: -1 });
    slider.setAttribute("aria-hidden", "true");
    control.follow = () => { slider.value = input.value === "" ? entry.default ?? entry.minimum : input.value; };
    slider.addEventListener("input", () => { input.value = slider.value; });
    input.addEventListener("input", control.follow);
    both.append(slider, input);
    control.element = both;
  }
  return control;
};

// A number that may be larger than JavaScript knows exactly: it is never more than its digits here.
const seedControl = (entry) => {
  const input = make("input"), both = make("div", "beside");
  Object.assign(input, { type: "text", inputMode: "numeric", autocomplete: "off", spellcheck: false });
  both.append(input);
  const control = {
    element: both, input,
    read: () => {
      const text = input.value.replace(/[\s,_]/g, "");
      return text === "" ? undefined : /^-?\d+$/.test(text) ? exact(text.replace(/^(-?)0+(?=\d)/, "$1")) : text;
    },
    write: (value) => { input.value = value ?? ""; },
  };
  if (entry["x-seed"]) {
    const label = make("label", "each"), again = make("input");
    again.type = "checkbox";
    const draw = () => { input.value = drawn(BigInt(entry.minimum ?? 0), BigInt(entry.maximum ?? "18446744073709551615")); };
    both.append(button("New", () => { draw(); input.focus(); }, "New seed"));
    label.append(again, " a new one for each job");
    both.append(label);
    control.before = () => { if (again.checked) draw(); };
    const { write } = control;
    control.write = (value) => { write(value); again.checked = false; };
    input.addEventListener("input", () => { again.checked = false; });
  }
  return control;
};
const drawn = (least, most) => {
  const bits = crypto.getRandomValues(new BigUint64Array(2));
  return String(least + ((bits[0] << 64n) | bits[1]) % (most - least + 1n));
};

const choiceControl = (entry) => {
  const select = make("select"), choices = entry.type === "boolean" ? [true, false] : entry.enum ?? [entry.const];
  const words = choices.map((each) => entry.type === "boolean" ? (each ? "yes" : "no") : typeof each === "string" ? each : JSON.stringify(each));
  const blank = entry.needed || entry.nullable || !("default" in entry);
  if (blank) select.append(new Option(entry.needed ? "Choose…" : "—", ""));
  words.forEach((word, index) => select.append(new Option(clean(word), String(index))));
  return {
    element: select, input: select,
    read: () => select.value === "" ? undefined : choices[Number(select.value)],
    write: (value) => {
      const at = choices.findIndex((each) => same(each, value));
      select.value = at < 0 ? (blank ? "" : "0") : String(at);
      if (at < 0 && value !== undefined && value !== null) throw new Error(`had ${JSON.stringify(value)}, which is no longer a choice`);
    },
  };
};

const switchControl = () => {
  const input = make("input");
  input.type = "checkbox";
  return { element: input, input, beside: true, read: () => input.checked, write: (value) => { input.checked = value === true; } };
};

const KINDS = { image: "image/*", video: "video/*", audio: "audio/*" };
const size = (bytes) => bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;

// Files, and names of files: one, or several in their order. A file is read as itself, in a list too.
const fileControl = (entry, many) => {
  const element = make("div", "file"), input = make("input"), list = make("ul"), text = make("input");
  let chosen = [];
  input.type = "file";
  input.multiple = many;
  if (KINDS[entry["x-upload"]]) input.accept = KINDS[entry["x-upload"]];
  Object.assign(text, { type: "text", autocomplete: "off", spellcheck: false, placeholder: many ? "or a name on the server, and Enter" : "or its name on the server" });
  text.setAttribute("aria-label", many ? "Name of a file on the server; Enter adds it" : "Name of a file on the server");
  const show = () => {
    for (const each of list.querySelectorAll("img")) URL.revokeObjectURL(each.src);
    list.replaceChildren(...chosen.map((each, index) => {
      const line = make("li"), named = typeof each === "string" ? each : each.name || "picture";
      if (typeof each !== "string" && each.type.startsWith("image/")) {
        const shown = make("img");
        shown.alt = "";
        shown.src = URL.createObjectURL(each);
        line.append(shown);
      }
      const sent = typeof each === "string" && each.startsWith("upload:");
      line.append(make("span", "", sent ? `sent before: ${each.slice(7, 19)}…` : typeof each === "string" ? each : `${named} (${size(each.size)})`));
      line.append(button("✕", () => { chosen.splice(index, 1); show(); input.focus(); }, `Remove ${named}`));
      return line;
    }));
    text.hidden = !many && chosen.length > 0;
  };
  const take = (files) => { if (files.length) { chosen = many ? [...chosen, ...files] : [files[0]]; text.value = ""; show(); } };
  const name = () => { if (text.value.trim()) take([text.value.trim()]); };
  input.addEventListener("change", () => { take([...input.files]); input.value = ""; });
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && many) { event.preventDefault(); name(); } });
  for (const kind of ["dragenter", "dragover"]) element.addEventListener(kind, (event) => { event.preventDefault(); element.classList.add("over"); });
  element.addEventListener("dragleave", (event) => { if (!element.contains(event.relatedTarget)) element.classList.remove("over"); });
  element.addEventListener("drop", (event) => { event.preventDefault(); element.classList.remove("over"); take([...event.dataTransfer.files]); });
  element.append(make("span", "faint", many ? "Choose files, or drop them here" : "Choose a file, or drop it here"), input, list, text);
  return {
    element, input,
    read: () => { name(); return many ? (chosen.length || !entry.needed ? [...chosen] : undefined) : chosen[0]; },
    write: (value) => {
      const names = many ? value ?? [] : value === undefined || value === null || value === "" ? [] : [value];
      chosen = (Array.isArray(names) ? names : [names]).map((each) => typeof each === "string" ? each : JSON.stringify(each));
      text.value = "";
      show();
    },
  };
};

const listControl = (entry, items, definitions, label) => {
  const element = make("div", "list"), rows = make("div"), fixed = Array.isArray(items);
  element.setAttribute("role", "group");
  let controls = [];
  let offered = "";
  const offer = (id) => { offered = id; for (const each of controls) if (each.offer) each.offer(id); };
  const add = (value, focus) => {
    const control = controlOf({ ...resolved(fixed ? items[controls.length] : items, definitions), inner: true }, definitions, label);
    const row = make("div", "beside");
    controls.push(control);
    if (offered && control.offer) control.offer(offered);
    control.input.setAttribute("aria-label", clean(`${label} ${controls.length}`));
    if (value !== undefined) control.write(value);
    row.append(control.element);
    if (!fixed) row.append(button("✕", () => { controls.splice(controls.indexOf(control), 1); row.remove(); more.focus(); }, `Remove a value of ${label}`));
    rows.append(row);
    if (focus) control.input.focus();
  };
  const more = button("Add a value", () => add(undefined, true), `Add a value to ${label}`);
  element.append(rows);
  if (!fixed) element.append(more);
  const clear = () => { controls = []; rows.replaceChildren(); if (fixed) items.forEach(() => add()); };
  clear();
  return {
    element, input: fixed ? controls[0].input : more, group: true, offer,
    read: () => {
      const values = controls.map((each) => each.read());
      if (fixed) return values.every((each) => each === undefined) ? undefined : values.map((each) => each ?? null);
      const given = values.filter((each) => each !== undefined);
      return given.length || !(entry.needed || entry.nullable) ? given : undefined;
    },
    write: (value) => {
      clear();
      if (Array.isArray(value)) value.forEach((each, index) => { if (fixed) { if (controls[index]) controls[index].write(each); } else add(each); });
    },
  };
};

const objectControl = (entry, definitions) => {
  const element = make("div", "object"), fields = new Map();
  for (const [name, each] of Object.entries(entry.properties)) {
    const field = fieldOf(name, { ...resolved(each, definitions), inner: true, needed: (entry.required || []).includes(name) }, definitions);
    fields.set(name, field);
    element.append(field.element);
  }
  element.setAttribute("role", "group");
  return {
    element, input: [...fields.values()][0].input, group: true,
    read: () => {
      const found = [...fields].map(([name, field]) => [name, field.read()]).filter(([, value]) => value !== undefined);
      return found.length ? Object.fromEntries(found) : undefined;
    },
    write: (value) => { for (const [name, field] of fields) field.write(value && typeof value === "object" ? value[name] : undefined); },
  };
};

const isFile = (entry) => !entry.inner && (Boolean(entry["x-upload"]) || (entry.type === "string" && ["path", "file-path", "binary"].includes(entry.format)));
const controlOf = (entry, definitions, label) => {
  if (entry.several) return looseControl(entry, false);
  if (entry.type === "boolean" && (entry.needed || entry.nullable)) return choiceControl(entry);
  if (entry.enum || "const" in entry) return choiceControl(entry);
  if (entry.type === "boolean") return switchControl(entry);
  if (entry.large || (entry.type === "integer" && entry["x-seed"])) return seedControl(entry);
  if (entry.type === "integer" || entry.type === "number") return numberControl(entry);
  if (isFile(entry)) return fileControl(entry, false);
  if (entry.type === "string") return textControl(entry);
  if (entry.type === "array" && Array.isArray(entry.prefixItems) && entry.prefixItems.length) return listControl(entry, entry.prefixItems, definitions, label);
  if (entry.type === "array" && entry.items) {
    const item = resolved(entry.items, definitions);
    const files = isFile(item) || (!entry.inner && Boolean(entry["x-upload"]));
    return files ? fileControl({ ...item, ...entry }, true) : listControl(entry, entry.items, definitions, label);
  }
  if (entry.type === "object" && entry.properties && Object.keys(entry.properties).length && !entry.additionalProperties) return objectControl(entry, definitions);
  return looseControl(entry, ["array", "object"].includes(entry.type));
};

const fieldOf = (name, entry, definitions) => {
  const id = `field-${counted += 1}`, title = entry.title || name, control = controlOf(entry, definitions, title);
  const element = make("div", control.beside ? "field switch" : "field"), label = make(control.group ? "span" : "label", "title", title);
  const problem = make("p", "problem"), hint = make("p", "hint", entry.description || ""), range = make("span", "faint", [control.hint, hintOf(entry)].filter(Boolean).join(", "));
  const top = make("div", "top");
  const target = control.group ? control.element : control.input;
  target.id = id;
  if (control.group) {
    label.id = `${id}-title`;
    control.element.setAttribute("aria-labelledby", label.id);
  } else label.htmlFor = id;
  if (entry.needed) label.append(make("span", "faint", " (required)"));
  const about = [range, hint, problem].filter((each) => each === problem || each.textContent);
  about.forEach((each, index) => { each.id = `${id}-about-${index}`; });
  target.setAttribute("aria-describedby", about.map((each) => each.id).join(" "));
  if (entry.needed && !control.group) control.input.setAttribute("aria-required", "true");
  if (!entry.needed && "default" in entry && "placeholder" in control.input && control.input.type === "number") control.input.placeholder = String(entry.default ?? "");
  top.append(label, range);
  element.append(...(control.beside ? [control.element, top] : [top, control.element]), hint, problem);
  const tell = (message) => {
    problem.textContent = clean(message || "");
    element.classList.toggle("wrong", Boolean(message));
    if (message && !control.group) target.setAttribute("aria-invalid", "true"); else target.removeAttribute("aria-invalid");
  };
  element.addEventListener("input", () => tell(""));
  return { ...control, element, tell, name };
};

// The form of a workflow: `read` gives values, or tells at the fields what cannot be read.
const formOf = (schema) => {
  const definitions = schema.$defs || {}, element = make("form"), fields = new Map();
  element.noValidate = true;  // the service says what is wrong, in the same words everywhere
  for (const [name, each] of Object.entries(schema.properties || {})) {
    const entry = { ...resolved(each, definitions), needed: (schema.required || []).includes(name) };
    const field = fieldOf(name, entry, definitions);
    field.first = entry.default;
    fields.set(name, field);
    element.append(field.element);
  }
  const rest = schema.additionalProperties ? fieldOf("", { title: "More parameters", type: "object" }, definitions) : null;
  if (rest) element.append(rest.element);
  const each = (act) => { for (const field of fields.values()) act(field); if (rest) act(rest); };
  return {
    element,
    read: () => {
      let wrong = null;
      const values = Object.create(null);
      each((field) => {
        field.tell("");
        try {
          if (field.before) field.before();
          const value = field.read();
          if (value === undefined) return;
          if (field === rest) Object.assign(values, value); else values[field.name] = value;
        } catch (error) {
          field.tell(`${field.name || "this"} ${error.message}`);
          wrong = wrong || field;
        }
      });
      if (wrong) wrong.input.focus();
      return wrong ? null : values;
    },
    write: (values) => {
      const others = Object.fromEntries(Object.entries(values).filter(([name]) => !fields.has(name)));
      each((field) => {
        field.tell("");
        const value = field === rest ? (Object.keys(others).length ? others : undefined) : Object.hasOwn(values, field.name) ? values[field.name] : field.first;
        try { field.write(value); } catch (error) { field.tell(`${field.name} ${error.message}`); }
      });
      return rest ? [] : Object.keys(others);
    },
    // Names that fields offer while one writes.
    offer: (choices) => {
      for (const [name, names] of Object.entries(choices)) {
        const field = fields.get(name), offered = make("datalist");
        if (!field || !field.offer) continue;
        offered.id = `offered-${counted += 1}`;
        offered.append(...names.map((each) => new Option("", clean(each))));
        field.element.append(offered);
        field.offer(offered.id);
      }
    },
    // What the service says is wrong; gives what belongs to no field.
    tell: (problems) => {
      const others = problems.filter(({ parameter, message }) => {
        const field = fields.get(parameter);
        if (field) field.tell(message);
        return !field;
      });
      const first = [...fields.values()].find((field) => field.element.classList.contains("wrong"));
      if (first) first.input.focus();
      return others.map(({ message }) => message);
    },
  };
};

// The body of a request: JSON, or a form where there are files.
const bodyOf = (values) => {
  const isOne = (value) => value instanceof File, entries = Object.entries(values);
  if (!entries.some(([, value]) => isOne(value) || (Array.isArray(value) && value.some(isOne)))) return [JSON.stringify(values), "application/json"];
  const form = new FormData();
  for (const [name, value] of entries) {
    if (Array.isArray(value) && value.some(isOne)) for (const each of value) form.append(name, each);
    else form.append(name, isOne(value) || typeof value === "string" ? value : JSON.stringify(value));
  }
  return [form, ""];
};
