/* The static twins of the explorers: the page's controls choose among views that were computed with the book. */
(function () {
  "use strict";

  async function start(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "loading";
    const place = figure.querySelector(".explorer-view");
    const sentence = figure.querySelector(".explorer-sentence");
    const controls = [...figure.querySelectorAll("[data-control]")];
    try {
      const book = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
      const counts = controls.map(c => (c.tagName === "SELECT" ? c.options.length : Number(c.max) + 1));
      const first = controls.map(c => c.value);

      /* States stand in the order of nested loops over the controls, the last one fastest. */
      const position = () => controls.reduce((sum, c, at) => sum * counts[at] + Number(c.value), 0);
      const current = () => {
        const [references, signals, words, marked] = book.states[position()];
        const data = Object.fromEntries(Object.entries(references).map(([name, at]) => [name, book.tables[at]]));
        return { data, signals, sentence: words, marked };
      };
      const name = control => {
        if (!control.dataset.texts) return;
        const text = JSON.parse(control.dataset.texts)[Number(control.value)];
        control.setAttribute("aria-valuetext", text);
        control.parentElement.querySelector(".explorer-value").textContent = text;
      };

      const charts = await ssmelsmExplorer.open(place, sentence, book.spec, window.drawBookChart);
      figure.view = charts.view;  // a handle for tests and for curious readers
      await charts.show(current());
      for (const control of controls) {
        control.addEventListener("input", () => { name(control); charts.show(current()); });
      }
      figure.querySelector(".explorer-controls button").addEventListener("click", () => {
        controls.forEach((control, at) => { control.value = first[at]; name(control); });
        charts.show(current());
        charts.clear();
      });
      const fit = () => {
        if (place.scrollWidth > place.clientWidth) { place.tabIndex = 0; place.setAttribute("role", "region"); place.setAttribute("aria-label", "Charts, to be scrolled sideways"); }
        else { place.removeAttribute("tabindex"); place.removeAttribute("role"); place.removeAttribute("aria-label"); }
      };
      fit();
      window.addEventListener("resize", fit);
      figure.dataset.state = "ready";
    } catch (error) {
      figure.dataset.state = "error";
      sentence.textContent += " (The charts could not be drawn.)";
      console.error(error);
    }
  }

  const startAll = () => [...document.querySelectorAll("figure.book-explorer")]
    .filter(figure => !figure.closest("details:not([open])")).forEach(figure => whenNearScreen(figure, start));
  document.addEventListener("toggle", startAll, true);
  if (document.readyState === "complete") startAll();
  else window.addEventListener("load", startAll);
})();
