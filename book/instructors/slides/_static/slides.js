/* Slides: charts as large as the slide has room for, all of them on paper, and a clicker that works beside sliders. */
(function () {
  "use strict";
  const [smallest, largest, bottom] = [0.7, 2.4, 675];
  const settled = figure => ["ready", "error"].includes(figure.dataset.state);
  const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));

  /* Read from the last row: a chart's words are larger than on the book's pages. */
  const { axis, header, legend } = ssmelsmExplorer.config;
  for (const words of [axis, header, legend]) Object.assign(words, { labelFontSize: 14, titleFontSize: 14 });

  async function drawn(figure) {
    for (let waited = 0; waited < 200 && !settled(figure); waited += 1) await new Promise(done => setTimeout(done, 50));
    await frame();
  }

  /* A slide's height in its own pixels, whatever the window makes of them. */
  function height(slide) {
    const scale = slide.getBoundingClientRect().width / slide.offsetWidth || 1;
    const top = slide.getBoundingClientRect().top;
    const ends = [...slide.children].filter(child => child.offsetHeight && !child.matches("aside"))
      .map(child => child.getBoundingClientRect().bottom);
    return (Math.max(top, ...ends) - top) / scale;
  }

  /* Figures are zoomed until the slide is full, in some turns, as text in them wraps anew. */
  async function fit(slide) {
    const figures = [...slide.querySelectorAll("figure.book-chart, figure.book-explorer")];
    if (!figures.length || slide.dataset.fitted === "yes") return;
    slide.dataset.fitted = "busy";
    for (let turn = 0, changed = true; changed && turn < 3; turn += 1) {
      changed = false;
      await Promise.all(figures.map(drawn));
      if (!slide.offsetHeight) return delete slide.dataset.fitted;  // somebody has gone on meanwhile
      for (const figure of figures) {
        const zoom = Number(figure.style.zoom) || 1;
        const scale = slide.getBoundingClientRect().width / slide.offsetWidth || 1;
        const own = figure.getBoundingClientRect().height / scale;
        const wanted = zoom * (bottom - (height(slide) - own)) / own;
        const next = Math.max(smallest, Math.min(largest, wanted));
        if (Math.abs(next - zoom) < 0.02) continue;
        figure.style.zoom = next.toFixed(2);
        changed = true;
      }
      if (changed) await new Promise(done => setTimeout(done, 150));  // a chart waits a moment before it is drawn at another width
    }
    await Promise.all(figures.map(drawn));
    slide.dataset.fitted = "yes";
  }

  function begin() {
    // All of it is the page's main part: inside an "application", as Reveal has it, that part is not found.
    document.querySelector(".reveal").setAttribute("role", "main");
    document.querySelector(".slides").removeAttribute("role");
    if (!Reveal.isPrintView()) fit(Reveal.getCurrentSlide());
  }
  if (Reveal.isReady()) begin();
  else Reveal.on("ready", begin);
  Reveal.on("slidechanged", event => {
    // A chart that was hidden when the window changed has taken that for no width at all.
    if (event.currentSlide.querySelector("figure svg[width='0']")) window.dispatchEvent(new Event("resize"));
    fit(event.currentSlide);
  });
  Reveal.on("pdf-ready", async () => {
    await window.drawBookCharts();
    for (const slide of document.querySelectorAll(".slides section section, .slides section:not(.stack)")) await fit(slide);
    document.documentElement.dataset.printable = "yes";
  });

  /* A clicker turns pages also after a slider was moved. */
  document.addEventListener("keydown", event => {
    if (["PageDown", "PageUp"].includes(event.key) && document.activeElement.matches("input, select")) document.activeElement.blur();
  }, true);
})();
