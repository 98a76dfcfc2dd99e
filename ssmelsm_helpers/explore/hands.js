/* The hands of an explorer: sliders and menus, points to pull, a way back, and copies to take away.

   What answers a move is one of three: a module that computes here, views computed with the book, or a kernel. */
(function () {
  "use strict";

  const make = (tag, attributes = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...inside);
    return node;
  };
  const same = (one, other) => one === other || Math.abs(one - other) < 1e-9;
  const nearest = (values, wanted) => values.reduce((best, v) => (Math.abs(v - wanted) < Math.abs(best - wanted) ? v : best));
  const asText = value => (typeof value === "number" ? String(Number(value.toPrecision(6))) : value);
  const away = (path, { clientX, clientY }) => {
    const box = path.getBoundingClientRect();
    return Math.hypot(box.x + box.width / 2 - clientX, box.y + box.height / 2 - clientY);
  };
  const nearestOf = (paths, event) => paths.reduce((one, other) => (one && away(one, event) <= away(other, event) ? one : other), null);
  const asCode = value => (typeof value === "number" ? asText(value) : JSON.stringify(value));

  /* A labelled slider or menu: `set`, and `moved(value, done)` while it moves and when it rests.

     Two buttons step a slider for fingers, to whom a step may be a pixel; its keys do the same. */
  function field({ name, label, values }, at, moved) {
    const menu = typeof values[0] === "string";
    const input = menu
      ? make("select", {}, ...values.map((text, i) => make("option", { value: i }, text)))
      : make("input", { type: "range", min: 0, max: values.length - 1, step: 1 });
    input.dataset.control = at;
    input.setAttribute("aria-label", label);  // its visible one is hidden on a phone, and holds the value, too
    const said = make("span", { class: "explorer-value", "aria-hidden": "true" });
    const step = (sign, way) => {
      const button = make("button", { type: "button", class: "explorer-step", tabindex: -1, "aria-hidden": "true" }, sign);
      button.addEventListener("click", () => {
        const before = input.value;
        input[way]();
        if (input.value !== before) { nameIt(); moved(get(), true); }
      });
      return button;
    };
    const hand = menu ? [input] : [step("\u2212", "stepDown"), input, step("+", "stepUp")];
    const node = make("label", { class: "explorer-field" }, make("span", { class: "explorer-label" }, label), ...hand, said);
    const get = () => values[Number(input.value)];
    function nameIt() {
      if (menu) return;
      said.textContent = asText(get());
      input.setAttribute("aria-valuetext", asText(get()));
    }
    function set(value) {
      input.value = values.findIndex(v => same(v, menu ? value : nearest(values, value)));
      nameIt();
    }
    input.addEventListener("input", () => { nameIt(); moved(get(), menu); });
    if (!menu) input.addEventListener("change", () => moved(get(), true));
    return { name, node, set };
  }

  /* Marks whose name begins with "pull" can be drawn along: `pull(held, event)` while they are, `rest` at the end. */
  function letPull(place, view, pull, rest = () => {}) {
    const svg = place.querySelector("svg");
    const scale = names => {
      for (const name of names) try { return view.scale(name); } catch { /* another name */ }
      return null;
    };
    /* What is taken hold of: the mark's name and datum, and how the panel's pixels become numbers. */
    function take(path, { clientX, clientY }) {
      const mark = path.closest("g[class*='pull_']"), panel = mark.parentElement.closest(".mark-group");
      const prefix = (panel.getAttribute("class").match(/(\w+)_group/) || ["", ""])[1];
      const frame = panel.querySelector(":scope > g > path.background"), box = path.getBoundingClientRect();
      const { width, height } = path.__data__.mark.group;
      const axes = ["x", "y"].map(axis => scale([`${prefix}_${axis}`, axis]));
      const off = [box.x + box.width / 2 - clientX, box.y + box.height / 2 - clientY];
      return {
        name: mark.getAttribute("class").match(/pull_(\w+?)(?:_\d+)?_marks/)[1],
        datum: path.__data__.datum,
        numbers: ({ clientX, clientY }) => {
          const inside = frame.getBoundingClientRect();
          const shares = [(clientX + off[0] - inside.x) / inside.width, (clientY + off[1] - inside.y) / inside.height];
          return axes.map((axis, at) => (axis && axis.invert ? axis.invert(shares[at] * [width, height][at]) : null));
        },
      };
    }
    let held = null;
    // Browsers do not heed `touch-action` inside a picture: a finger that pulls would scroll the page.
    svg.addEventListener("touchstart", event => {
      if (event.target.closest("g[class*='pull_']")) event.preventDefault();
    }, { passive: false });
    svg.addEventListener("pointerdown", event => {
      if (event.button || !event.target.closest("g[class*='pull_']")) return;
      // Where the rooms of small points overlap, the nearest is meant.
      const mark = event.target.closest("g[class*='pull_']"), under = document.elementsFromPoint(event.clientX, event.clientY);
      held = take(nearestOf(under.filter(path => path.parentElement === mark), event) || event.target, event);
      svg.setPointerCapture(event.pointerId);
      event.preventDefault();
      pull(held, event);
    });
    svg.addEventListener("pointermove", event => { if (held) pull(held, event); });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { held = null; rest(); });
    return path => {
      const box = path.getBoundingClientRect(), middle = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
      if (path.closest("g[class*='pull_']")) pull(take(path, middle), middle);
      rest();
    };
  }

  /* A finger that taps beside a small point means the point: it tells what hovering tells, and is taken hold of. */
  function letTap(place, taken = null) {
    const svg = place.querySelector("svg");
    let down = null;
    svg.addEventListener("pointerdown", event => { down = event; });
    svg.addEventListener("pointerup", event => {
      if (event.pointerType !== "touch" || Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > 8) return;
      const points = [...svg.querySelectorAll(".mark-symbol path")].filter(({ __data__: item }) => item && item.tooltip != null);
      const best = nearestOf(points, event);
      if (!best || away(best, event) > 24) return;
      if (taken) taken(best);
      const { x, y, width, height } = best.getBoundingClientRect();
      const where = { bubbles: true, clientX: x + width / 2, clientY: y + height / 2 };
      // After the browser's own mouse events, which would hide it again.
      setTimeout(() => best.dispatchEvent(new PointerEvent("pointermove", where)), 60);
    });
  }

  /* Builds an explorer in `root`. `book` is what Python says of it; `ask(settings)` gives an update, or a promise of one. */
  async function mount(root, book, embed, ask, drawn = () => {}) {
    const code = book.module && (await import(URL.createObjectURL(new Blob([book.module], { type: "text/javascript" }))));
    if (code) ask = settings => code.view(settings, book.constants);
    const first = Object.fromEntries(book.controls.map(({ name, start }) => [name, start]));
    const settle = code && code.settle ? (before, now) => code.settle(before, now, book.constants) : (_before, now) => now;
    let settings = first, history = [], moving = null;

    const fields = book.controls.map((control, at) =>
      field(control, at, (value, done) => move({ [control.name]: value }, control.name, done)));
    const which = make("select", { class: "explorer-which", "aria-label": "What to move" },
      ...book.controls.map(({ label }, i) => make("option", { value: i }, label)));
    which.addEventListener("change", choose);
    const button = (text, act, title = text) => {
      const node = make("button", { type: "button", title }, text);
      node.addEventListener("click", act);
      return node;
    };
    const undo = button("Undo", () => history.length && go(history.pop()), "Back to before the last move");
    const reset = button("Reset", async () => { history = []; (await opened).clear(); go(first); }, "All controls back to where they started");
    const told = make("span", { class: "explorer-told", role: "status" });
    const take = make("details", { class: "explorer-take" }, make("summary", {}, "Copy"), make("div", {},
      button("Picture (PNG)", () => copyPicture().catch(failed)), button("Picture (SVG)", () => saveSvg().catch(failed)),
      button("Settings as code", () => copyText(asPython()).catch(failed)), told));
    const place = make("div", { class: "explorer-view" });
    const said = root.querySelector(".explorer-sentence") || make("p", { class: "explorer-sentence", role: "status" });
    const controls = make("div", { class: "explorer-controls" }, ...(fields.length > 1 ? [which] : []),
      ...fields.map(f => f.node), make("div", { class: "explorer-buttons" }, undo, reset, take));
    root.prepend(controls, place, said);

    function choose() {
      fields.forEach((f, at) => f.node.classList.toggle("chosen", at === Number(which.value)));
    }

    /* All fields and buttons say where the explorer stands. */
    function stand(now) {
      settings = now;
      for (const f of fields) f.set(settings[f.name]);
      undo.setAttribute("aria-disabled", !history.length);  // not `disabled`: the keyboard would lose its place
    }

    async function go(now) {
      stand(now);
      root.dispatchEvent(new CustomEvent("settings", { detail: settings }));
      const update = await ask(settings);
      if (update) await (await opened).show(update);
    }

    /* A pull of the mouse is one move, and one way back. */
    function move(change, by, done) {
      if (moving !== by) history.push(settings);
      moving = done ? null : by;
      return go(settle(settings, { ...settings, ...change }));
    }

    stand(settings);
    choose();
    const draw = async () => ssmelsmExplorer.open(place, said, book.spec, embed, await ask(first), view => {
      letTap(place, code && code.pull && letPull(place, view, pull, () => { moving = null; }));
      drawn(view, place);
    });
    const opened = draw();  // who moves something before there is a picture is answered when there is one
    const charts = await opened;

    /* The module says what a pull means for the settings; the point stops where its slider can stand. */
    function pull(held, event) {
      const change = code.pull(held.name, ...held.numbers(event), held.datum, settings, book.constants);
      const values = name => book.controls.find(control => control.name === name).values;
      const stops = Object.entries(change).map(([name, value]) => [name, nearest(values(name), value)]);
      if (stops.some(([name, value]) => !same(value, settings[name]))) move(Object.fromEntries(stops), "pull", false);
    }

    function asPython() {
      const moved = book.controls.map(c => c.name).filter(name => !same(settings[name], first[name]));
      return moved.length ? `${book.code}.at(${moved.map(name => `${name}=${asCode(settings[name])}`).join(", ")})` : book.code;
    }
    function tell(words) { told.textContent = words; setTimeout(() => { told.textContent = ""; }, 6000); }
    function failed(error) { tell(`That did not work: ${error.message}`); }
    async function copyText(text) {
      told.textContent = text;
      await navigator.clipboard.writeText(text);
      told.textContent = `Copied: ${text}`;
    }
    function save(blob, ending) {
      const link = make("a", { href: URL.createObjectURL(blob), download: `${book.name.toLowerCase().replace(/\W+/g, "-")}.${ending}` });
      link.click();
      tell(`Saved as ${link.download}.`);
    }
    /* A copy is read on white, whatever the page's colours. */
    async function onWhite(draw) {
      charts.view.background("white");
      try { return await draw(); } finally { charts.view.background("transparent"); }
    }
    async function copyPicture() {
      const canvas = await onWhite(() => charts.view.toCanvas(2));
      const blob = await new Promise(done => canvas.toBlob(done, "image/png"));
      try {
        await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        tell("Copied: paste it where it belongs.");
      } catch {
        save(blob, "png");
      }
    }
    async function saveSvg() {
      const text = await onWhite(() => charts.view.toSVG());
      save(new Blob([text.replaceAll("currentColor", "black")], { type: "image/svg+xml" }), "svg");
    }

    return Object.assign(charts, { go: now => go(settle(settings, now)), settings: () => settings });
  }

  /* anywidget's entry: where a kernel answers and is gone, the reader is told so. */
  async function render({ model, el }) {
    const root = make("div", { class: "book-explorer" }), book = model.get("book");
    // JupyterLab would take the arrow keys that move a slider for its own shortcuts.
    root.addEventListener("keydown", event => { if (event.target.matches("input, select")) event.stopPropagation(); });
    const gone = make("p", { class: "explorer-gone", role: "alert" }, "The kernel that answered here is gone. Run this cell again.");
    gone.hidden = true;
    el.append(gone, root);
    const lost = () => { gone.hidden = Boolean(book.module); };
    model.on("comm_live_update", lost);
    model.on("comm:close", lost);
    /* The kernel's answer to these settings comes as a change of "update". */
    let asked = false;
    const ask = () => {
      if (asked) return null;
      asked = true;
      return model.get("update");
    };
    root.addEventListener("settings", ({ detail }) => { model.set("settings", detail); model.save_changes(); });
    const charts = await mount(root, book, globalThis.ssmelsmVegaEmbed, ask);
    el.charts = charts;
    model.on("change:update", () => charts.show(model.get("update")));
    model.on("change:settings", () => {
      const now = model.get("settings");
      if (Object.entries(now).some(([name, value]) => !same(value, charts.settings()[name]))) charts.go(now);
    });
    return () => charts.view.finalize();
  }

  Object.assign(ssmelsmExplorer, { mount, render, letPull, letTap });
})();
