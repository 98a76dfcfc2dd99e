/* The twins of the explorers on the built page: a module answers their moves, or views that were computed with the book. */
(function () {
  "use strict";

  /* States stand in the order of nested loops over the controls, the last one fastest. */
  function fromStates({ controls, tables, states }) {
    return settings => {
      const at = controls.reduce((sum, { name, values }) => sum * values.length + values.indexOf(settings[name]), 0);
      const [references, signals, sentence, marked] = states[at];
      const data = Object.fromEntries(Object.entries(references).map(([name, table]) => [name, tables[table]]));
      return { data, signals, sentence, marked };
    };
  }

  /* What does not fit is scrolled sideways, by keyboard too. */
  function letScroll(place) {
    const names = { tabindex: 0, role: "region", "aria-label": "Charts, to be scrolled sideways" };
    const over = place.scrollWidth > place.clientWidth;
    for (const [name, value] of Object.entries(names)) over ? place.setAttribute(name, value) : place.removeAttribute(name);
  }

  async function start(figure) {
    if (figure.dataset.state) return;
    figure.dataset.state = "loading";
    try {
      const book = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
      await ssmelsmExplorer.mount(figure, book, window.drawBookChart, fromStates(book), (view, place) => {
        figure.view = view;  // a handle for tests and for curious readers
        letScroll(place);
      });
      figure.dataset.state = "ready";
    } catch (error) {
      figure.dataset.state = "error";
      figure.querySelector(".explorer-sentence").textContent += " (The charts could not be drawn.)";
      console.error(error);
    }
  }

  const startAll = () => [...document.querySelectorAll("figure.book-explorer")]
    .filter(figure => !figure.closest("details:not([open])")).forEach(figure => whenNearScreen(figure, start));
  document.addEventListener("toggle", startAll, true);
  if (document.readyState === "complete") startAll();
  else window.addEventListener("load", startAll);
})();
