/* The picture of an explorer and its words, live in a notebook and on a static page alike. `hands.js` moves them.

   `open` draws the charts. After that only data and signals change: nothing flickers, and a brush stays. */
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
  const narrow = 480;  // pixels, below which panels stand above each other

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

  /* On a phone panels that stood side by side stand above each other, all of one width and not too high. */
  function stacked(spec) {
    const { hconcat, columns, ...copy } = spec;
    if (hconcat) copy.vconcat = hconcat;
    if (typeof copy.width === "number") copy.width = 600;
    if (copy.height > 160) copy.height *= 0.8;
    for (const list of ["vconcat", "concat"]) if (copy[list]) copy[list] = copy[list].map(stacked);
    return columns ? { ...copy, columns: 1 } : copy;
  }

  /* What is known of the picture as it is drawn goes into the specification: so it starts as it stands. */
  function standing(spec, { data, signals }) {
    const params = (spec.params || []).map(p => (p.name in signals ? { ...p, value: signals[p.name] } : p));
    return { ...spec, params, datasets: { ...spec.datasets, ...data } };
  }

  /* Draws anew when a place has other room than before; meanwhile its figure says that it is being drawn. */
  function followWidth(figure, place, redraw) {
    let [room, wanted, busy, waiting] = [place.clientWidth, 0, false, 0];
    async function follow() {
      if (busy) return;
      busy = true;
      for (let drawn = 0; drawn !== wanted;) {  // the width may change again meanwhile
        drawn = wanted;
        place.style.minHeight = `${place.clientHeight}px`;  // or the page would jump
        await redraw();
        place.style.minHeight = "";
      }
      busy = false;
      figure.dataset.state = "ready";
    }
    new ResizeObserver(() => {
      if (!place.clientWidth || Math.abs(place.clientWidth - room) < 1) return;
      room = place.clientWidth;
      wanted += 1;
      figure.dataset.state = "drawing";
      clearTimeout(waiting);
      waiting = setTimeout(follow, 100);
    }).observe(place);
  }

  /* `place` for the picture and `said` for the words; `drawn(view)` is told of every new drawing. */
  async function open(place, said, spec, embed, first, drawn = () => {}) {
    const options = { mode: "vega-lite", renderer: "svg", actions: false, config: config, patch: guardBrushes };
    const brushes = (spec.params || []).filter(param => param.select).map(param => param.name);
    const charts = { view: null, show, clear };
    let shown = first, waiting = null, busy = null, marked = null, change = "";

    /* Takes brushes away, all but one. */
    function clear(kept) {
      const picture = place.querySelector("svg");
      for (const name of brushes) if (name !== kept) picture.dispatchEvent(new MouseEvent(`clear_${name}`));
    }

    async function draw() {
      if (charts.view) charts.view.finalize();
      const now = standing(place.clientWidth && place.clientWidth < narrow ? stacked(spec) : spec, shown);
      charts.view = (await embed(place, now, options)).view;
      const picture = place.querySelector("svg");
      for (const name of brushes) {
        const alone = (_name, area) => { if (Object.keys(area).length) charts.view.runAfter(() => clear(name)); };
        charts.view.addSignalListener(name, alone);
      }
      /* A finger that scrolls leaves no brush. */
      picture.addEventListener("pointercancel", () => clear());
      /* Where all of it is seen, a finger that moves sideways draws a brush; up and down it scrolls the page. */
      if (brushes.length && place.scrollWidth <= place.clientWidth + 1) picture.style.touchAction = "pan-y";
      dropEmptyRoles(place);
      drawn(charts.view);
      describe(shown);
    }

    function describe(update) {
      if (marked) change = changes(marked, update.marked) || change;
      marked = update.marked;
      const words = update.sentence + change;
      if (said.textContent !== words) said.textContent = words;  // or a screen reader would say it twice
      const picture = place.querySelector("svg");
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", `${spec.description} ${words}`);
    }

    /* While one picture is being drawn, only the latest of the next ones is kept. */
    async function drawAll() {
      while (waiting) {
        const update = waiting;
        waiting = null;
        if (update === "anew") await draw();
        else {
          shown = update;
          for (const [name, value] of Object.entries(update.signals)) charts.view.signal(name, value);
          for (const [name, rows] of Object.entries(update.data)) charts.view.data(name, rows);
          await charts.view.runAsync();
          describe(update);
          dropEmptyRoles(place);
        }
      }
      busy = null;
    }

    /* An update is whole: data, signals, sentence, marked. */
    function show(update) {
      if (update === "anew" && waiting) return busy;
      waiting = update;
      busy = busy || drawAll();
      return busy;
    }

    await draw();
    followWidth(place.parentElement, place, () => show("anew"));
    new MutationObserver(() => dropEmptyRoles(place)).observe(place, { childList: true, subtree: true });
    return charts;
  }

  return { config, dropEmptyRoles, followWidth, open };
})();
