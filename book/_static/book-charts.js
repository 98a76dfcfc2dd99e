/* Draws every <figure class="book-chart"> with one shared Vega bundle, loaded when the first chart comes near the screen. */
(function () {
  "use strict";
  const bundleUrl = new URL("vega-bundle.js", document.currentScript.src).href;

  let bundle = null;
  function loadBundle() {
    bundle = bundle || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = bundleUrl;
      script.onload = () => resolve(window.bookVegaEmbed);
      script.onerror = () => reject(new Error("cannot load " + bundleUrl));
      document.head.appendChild(script);
    });
    return bundle;
  }

  /* Names for sliders and menus; no roles for Vega's unnamed groups; sideways scrolling by keyboard. */
  function makeAccessible(figure) {
    for (const bind of figure.querySelectorAll(".vega-bind")) {
      const input = bind.querySelector("input, select");
      const name = bind.querySelector(".vega-bind-name");
      if (input && name) input.setAttribute("aria-label", name.textContent.trim());
    }
    ssmelsmExplorer.dropEmptyRoles(figure);
    const scrolls = figure.scrollWidth > figure.clientWidth;
    if (scrolls) figure.tabIndex = 0;
    else figure.removeAttribute("tabindex");
  }

  /* The same words that screen readers hear, for everybody who wants them. */
  function addDescription(figure) {
    const details = document.createElement("details");
    details.className = "book-chart-description";
    const summary = document.createElement("summary");
    summary.textContent = "Description of the chart";
    const text = document.createElement("p");
    text.textContent = figure.dataset.alt;
    details.append(summary, text);
    figure.append(details);
  }

  /* A chart of several views cannot take its room by itself: here all its views, in some proportion. */
  function scaled(spec, factors) {
    const copy = Object.assign({}, spec);
    ["width", "height"].forEach((side, at) => {
      if (typeof spec[side] === "number") copy[side] = factors[at] * spec[side];
    });
    if (spec.spec) copy.spec = scaled(spec.spec, factors);
    for (const list of ["hconcat", "vconcat", "concat"])
      if (spec[list]) copy[list] = spec[list].map(view => scaled(view, factors));
    return copy;
  }

  /* Draws a chart, as wide as it wants to be where there is room for it. Where a page says how high a chart is to be,
     as a slide does, it fills its room in both directions. */
  async function drawFitted(place, spec, options) {
    const embed = await loadBundle();
    let result = await embed(place, spec, options);
    const size = () => ["width", "height"].map(side => Number(place.querySelector("svg").getAttribute(side)));
    const high = window.heightOfChart ? await window.heightOfChart(place) : null;
    const [room, full] = [[place.clientWidth, high || Infinity], size()];
    const unfit = full.map((one, at) => one > room[at] || (high && one < 0.95 * room[at]));
    if (!unfit.includes(true)) return result;
    async function drawAt(factors) {
      result.finalize();
      result = await embed(place, scaled(spec, factors), options);
    }
    await drawAt(unfit.map(one => (one ? 0.5 : 1)));
    const views = size().map((half, at) => 2 * (full[at] - half));  // the rest, axes and titles, keep their room
    const factors = full.map((one, at) => (views[at] > 0 ? Math.max(0.2, 1 - (one - room[at]) / views[at]) : 1));
    await drawAt(factors);
    // Other labels on narrow axes may take a little more room.
    const over = size().map((one, at) => one - room[at]);
    const less = factors.map((one, at) =>
      (views[at] > 0 && over[at] > 0 ? Math.max(0.2, one - (over[at] + 1) / views[at]) : one));
    if (less.some((one, at) => one !== factors[at])) await drawAt(less);
    return result;
  }

  window.drawBookChart = drawFitted;

  /* What the reader has set: sliders and menus of the chart. */
  const settings = (spec, view) =>
    (spec.params || []).filter(param => param.bind && !param.select).map(param => [param.name, view.signal(param.name)]);

  /* Fingers and mice: a tap tells what hovering tells, and the line of a threshold is pulled as its slider is. */
  function giveToHands(place, spec, view) {
    const threshold = (spec.params || []).find(param => param.name === "threshold" && param.bind);
    ssmelsmExplorer.letTap(place);
    if (threshold) ssmelsmExplorer.letPull(place, view, (held, event) => {
      const { min, max } = threshold.bind, [, value] = held.numbers(event);
      view.signal("threshold", Math.min(max, Math.max(min, Number(value.toFixed(2))))).runAsync();
    });
  }

  async function draw(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "loading";
    const place = figure.querySelector(".book-chart-view");
    try {
      const spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
      spec.description = figure.dataset.alt;
      const options = { mode: "vega-lite", renderer: "svg", actions: false, config: ssmelsmExplorer.config };
      const drawHere = async () => {
        const result = await drawFitted(place, spec, options);
        giveToHands(place, spec, result.view);
        return result;
      };
      const result = await drawHere();
      figure.view = result.view;  // a handle for tests and for curious readers
      addDescription(figure);
      makeAccessible(figure);
      // Vega draws anew when a slider moves.
      new MutationObserver(() => makeAccessible(figure)).observe(place, { childList: true, subtree: true });
      ssmelsmExplorer.followWidth(figure, place, async () => {
        const before = settings(spec, figure.view);
        figure.view.finalize();
        figure.view = (await drawHere()).view;
        for (const [name, value] of before) figure.view.signal(name, value);
        await figure.view.runAsync();
        makeAccessible(figure);
      });
      new ResizeObserver(() => makeAccessible(figure)).observe(place);  // until it is drawn anew it may have to be scrolled
      figure.dataset.state = "ready";
    } catch (error) {
      figure.dataset.state = "error";
      place.textContent = figure.dataset.alt;
      console.error(error);
    }
  }

  /* A chart is drawn when it comes within a screen of being seen; a reader who prints wants them all. */
  const waiting = new Map();
  const near = new IntersectionObserver(entries => entries.filter(entry => entry.isIntersecting)
    .forEach(entry => drawNow(entry.target)), { rootMargin: "100% 0px" });
  function drawNow(figure) {
    const draw = waiting.get(figure);
    waiting.delete(figure);
    near.unobserve(figure);
    return draw && draw(figure);
  }
  window.whenNearScreen = (figure, draw) => {
    if (figure.dataset.state || waiting.has(figure)) return;
    waiting.set(figure, draw);
    near.observe(figure);
  };

  /* What is folded has no width to be fitted to: it is drawn when it is opened. */
  const folded = figure => figure.closest("details:not([open])");
  const watchAll = () => [...document.querySelectorAll("figure.book-chart")]
    .filter(figure => !folded(figure)).forEach(figure => window.whenNearScreen(figure, draw));
  const drawAll = () => {
    watchAll();
    return Promise.all([...waiting.keys()].filter(figure => !folded(figure)).map(drawNow));
  };
  window.drawBookCharts = drawAll;  // for who prints a page without having looked at it
  document.addEventListener("toggle", watchAll, true);
  document.addEventListener("keydown", event => { if (event.ctrlKey || event.metaKey) drawAll(); });
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("article details").forEach(fold => { fold.open = true; });
    drawAll();
  });
  watchAll();  // a deferred script: the page has been read, its styles are there
})();
