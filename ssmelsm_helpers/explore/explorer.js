/* The part of an explorer that runs in the browser, live in a notebook and in the static page alike.

   `open` draws the charts once. After that only data and signals change: nothing flickers, and a brush stays. */
var ssmelsmExplorer = (function () {
  "use strict";

  /* Axes and text take the page's colour, so that one drawing is right in the light and in the dark theme,
     and a slider keeps its value when the reader changes the theme. A chart's own settings win. */
  const ink = "currentColor";
  const words = { labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12 };
  const config = {
    background: "transparent",
    axis: { ...words, domainColor: ink, tickColor: ink, gridColor: ink, gridOpacity: 0.15, labelSeparation: 4 },
    header: words,
    legend: words,
    title: { color: ink, subtitleColor: ink },
    text: { color: ink },
    rule: { color: ink },
    view: { stroke: null },
  };

  /* Vega's groups without a name have a role that promises one. */
  function dropEmptyRoles(place) {
    for (const group of place.querySelectorAll("[role='graphics-symbol']:not([aria-label])")) {
      group.removeAttribute("role");
      group.removeAttribute("aria-roledescription");
    }
  }

  /* Who came and who went with the last change of the marked; empty until there is one. */
  function changes(before, now) {
    const came = now.filter(label => !before.includes(label));
    const went = before.filter(label => !now.includes(label));
    if (!came.length && !went.length) return null;
    return ` Last change: ${came.join(", ") || "none"} came, ${went.join(", ") || "none"} went.`;
  }

  /* A brush along one axis asks where it stands now when the axis gets other numbers, also while there is no brush. */
  function guardBrushes(group) {
    for (const { on } of group.signals || [])
      for (const handler of on || [])
        if (/_scale_trigger$/.test(handler.events.signal)) {
          const range = handler.update.match(/, (\w+)\[0\]/)[1];
          handler.update = `isArray(${range}) ? ${handler.update} : [0, 0]`;
        }
    (group.marks || []).forEach(guardBrushes);
    return group;
  }

  async function open(place, words, spec, embed) {
    const options = { mode: "vega-lite", renderer: "svg", actions: false, config: config, patch: guardBrushes };
    const { view } = await embed(place, spec, options);
    const picture = place.querySelector("svg");
    const brushes = (spec.params || []).filter(param => param.select).map(param => param.name);
    /* Takes brushes away, all but one. */
    function clear(kept) {
      for (const name of brushes) if (name !== kept) picture.dispatchEvent(new MouseEvent(`clear_${name}`));
    }
    for (const name of brushes)
      view.addSignalListener(name, (_name, drawn) => { if (Object.keys(drawn).length) view.runAfter(() => clear(name)); });
    /* A finger that scrolls leaves none. */
    picture.addEventListener("pointercancel", () => clear());
    /* Where all of it is seen, a finger that moves sideways draws a brush; up and down it scrolls the page. */
    if (brushes.length && place.scrollWidth <= place.clientWidth + 1) picture.style.touchAction = "pan-y";
    let waiting = null, busy = null, marked = null, change = "";

    function describe(update) {
      if (marked) change = changes(marked, update.marked) || change;
      marked = update.marked;
      words.textContent = update.sentence + change;
      const picture = place.querySelector("[role='graphics-document']");
      if (picture) picture.setAttribute("aria-label", `${spec.description} ${words.textContent}`);
    }

    /* While one picture is being drawn, only the latest of the next ones is kept. */
    async function drawAll() {
      while (waiting) {
        const update = waiting;
        waiting = null;
        for (const [name, value] of Object.entries(update.signals || {})) view.signal(name, value);
        for (const [name, rows] of Object.entries(update.data || {})) view.data(name, rows);
        await view.runAsync();
        describe(update);
        dropEmptyRoles(place);
      }
      busy = null;
    }

    function show(update) {
      if (waiting) {
        update = {
          ...update,
          signals: { ...waiting.signals, ...update.signals },
          data: { ...waiting.data, ...update.data },
        };
      }
      waiting = update;
      busy = busy || drawAll();
      return busy;
    }

    new MutationObserver(() => dropEmptyRoles(place)).observe(place, { childList: true, subtree: true });
    return { view, show, clear };
  }

  /* anywidget's entry: the kernel sends updates, and when it is gone the reader is told so. */
  async function render({ model, el }) {
    const place = document.createElement("div");
    const words = document.createElement("p");
    words.className = "explorer-sentence";
    words.setAttribute("role", "status");
    const gone = document.createElement("p");
    gone.className = "explorer-gone";
    gone.setAttribute("role", "alert");
    gone.hidden = true;
    gone.style.fontWeight = "bold";
    gone.textContent = "The kernel that answered here is gone. Run this cell again.";
    el.append(gone, place, words);
    const lost = () => { gone.hidden = false; };
    model.on("comm_live_update", lost);
    model.on("comm:close", lost);
    const charts = await open(place, words, model.get("spec"), globalThis.ssmelsmVegaEmbed);
    el.charts = charts;
    await charts.show(model.get("update"));
    model.on("change:update", () => charts.show(model.get("update")));
    model.on("msg:custom", () => charts.clear());
    return () => charts.view.finalize();
  }

  return { config, open, render };
})();
