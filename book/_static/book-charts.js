/* Draws every <figure class="book-chart"> with one shared Vega bundle, loaded only on pages with charts. */
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
    for (const group of figure.querySelectorAll("[role='graphics-symbol']:not([aria-label])")) {
      group.removeAttribute("role");
      group.removeAttribute("aria-roledescription");
    }
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

  /* A chart of several views cannot take the page's width by itself: here all its views, in some proportion. */
  function narrowed(spec, factor) {
    const copy = Object.assign({}, spec);
    if (typeof spec.width === "number") copy.width = factor * spec.width;
    if (spec.spec) copy.spec = narrowed(spec.spec, factor);
    for (const list of ["hconcat", "vconcat", "concat"])
      if (spec[list]) copy[list] = spec[list].map(view => narrowed(view, factor));
    return copy;
  }

  /* Draws a chart, as wide as it wants to be where there is room for it. */
  async function drawFitted(place, spec, options) {
    const embed = await loadBundle();
    let result = await embed(place, spec, options);
    const width = () => place.querySelector("svg").getBoundingClientRect().width;
    const [room, full] = [place.clientWidth, width()];
    if (full <= room) return result;
    async function drawAt(factor) {
      result.finalize();
      result = await embed(place, narrowed(spec, factor), options);
    }
    await drawAt(0.5);
    const views = 2 * (full - width());  // the rest are axes and titles, which keep their room
    const factor = 1 - (full - room) / views;
    if (views > 0) await drawAt(Math.max(0.2, factor));
    // Other labels on narrow axes may take a little more room.
    const over = width() - room;
    if (views > 0 && over > 0) await drawAt(Math.max(0.2, factor - (over + 1) / views));
    return result;
  }

  window.drawBookChart = drawFitted;

  async function draw(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "loading";
    const place = figure.querySelector(".book-chart-view");
    try {
      const spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
      spec.description = figure.dataset.alt;
      const options = { mode: "vega-lite", renderer: "svg", actions: false, config: ssmelsmExplorer.config };
      const result = await drawFitted(place, spec, options);
      figure.view = result.view;  // a handle for tests and for curious readers
      addDescription(figure);
      makeAccessible(figure);
      // Vega draws anew when a slider moves or a window gets wider.
      new MutationObserver(() => makeAccessible(figure)).observe(place, { childList: true, subtree: true });
      window.addEventListener("resize", () => makeAccessible(figure));
      figure.dataset.state = "ready";
    } catch (error) {
      figure.dataset.state = "error";
      place.textContent = figure.dataset.alt;
      console.error(error);
    }
  }

  /* What is folded has no width to be fitted to: it is drawn when it is opened. */
  const drawAll = () => [...document.querySelectorAll("figure.book-chart")]
    .filter(figure => !figure.closest("details:not([open])")).forEach(draw);
  document.addEventListener("toggle", drawAll, true);
  window.addEventListener("beforeprint", () =>
    document.querySelectorAll("article details").forEach(fold => { fold.open = true; }));
  if (document.readyState === "complete") drawAll();
  else window.addEventListener("load", drawAll);
})();
