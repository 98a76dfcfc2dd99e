/* Slides: charts as large as the slide has room for, all of them on paper, and a clicker that works beside sliders. */
(function () {
  "use strict";
  const bottom = 675;  // of what a slide holds, in its own pixels
  const letters = 14;  // height of a chart's words, in the chart's own pixels
  // Of a slide's pixels to a chart's: words are 28 high in a chart of one view, 22 in an explorer of several.
  const zooms = { chart: { one: 2, more: 1.72, many: 1.58 }, explorer: { one: 1.72, more: 1.58, many: 1.58 } };
  const settled = figure => ["ready", "error"].includes(figure.dataset.state);
  const frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));

  /* Read from the last row: words are larger than on the book's pages; what would not fit then stands in two lines. */
  const { axis, header, legend, title, text } = ssmelsmExplorer.config;
  for (const words of [axis, header, legend]) Object.assign(words, { labelFontSize: letters, titleFontSize: letters });
  title.fontSize = text.fontSize = letters;
  legend.offset = 6;

  function inTwoLines(words, most) {
    if (typeof words !== "string" || words.length <= most) return words;
    const blanks = [...words.matchAll(/ /g)].map(hit => hit.index);
    const off = at => Math.abs(at - words.length / 2);
    const middle = blanks.reduce((best, at) => (off(at) < off(best) ? at : best), 0);
    return middle ? [words.slice(0, middle), words.slice(middle + 1)] : words;
  }

  function larger(spec, most) {
    if (Array.isArray(spec)) return spec.map(one => larger(one, most));
    if (!spec || typeof spec !== "object") return spec;
    const copy = {};
    for (const [name, value] of Object.entries(spec)) copy[name] = name === "datasets" ? value : larger(value, most);
    if (copy.type === "text") {
      const factor = letters / (copy.fontSize || 11);
      for (const by of ["dx", "dy"])
        if (copy[by]) copy[by] = copy[by].expr ? { expr: `${factor} * (${copy[by].expr})` } : factor * copy[by];
    }
    for (const name of ["fontSize", "labelFontSize", "titleFontSize"]) if (copy[name] < letters) copy[name] = letters;
    if (copy.encoding && copy.encoding.y) copy.encoding.y.title = inTwoLines(copy.encoding.y.title, most);
    if (copy.row && copy.row.field) copy.row.header = { ...copy.row.header, labelAngle: 0, labelAlign: "left" };
    if (copy.legend && copy.legend.columns === 2) copy.legend.columns = 4;
    if (copy.concat && copy.columns) copy.columns = copy.concat.length;  // a slide is wide
    return copy;
  }

  for (const figure of document.querySelectorAll("figure.book-chart, figure.book-explorer")) {
    const script = figure.querySelector("script[type='application/json']"), told = JSON.parse(script.textContent);
    const kind = told.controls ? "explorer" : "chart", spec = told.controls ? told.spec : told;
    const several = spec.vconcat || spec.hconcat || spec.concat || spec.spec || (spec.encoding && spec.encoding.row);
    const views = !several ? "one" : several.length > 2 ? "many" : "more";
    const drawn = larger(spec, views === "one" ? 26 : 14);
    figure.style.zoom = zooms[kind][views];
    const moved = { subtree: true, childList: true, attributes: true, attributeFilter: ["transform"] };
    new MutationObserver(() => part(figure)).observe(figure, moved);
    script.textContent = JSON.stringify(told.controls ? { ...told, spec: drawn } : drawn);
  }

  /* How high a chart may be, in its own pixels, when the rest of its slide is there. */
  window.heightOfChart = async place => {
    await document.fonts.ready;
    if (window.MathJax && MathJax.startup) await MathJax.startup.promise;
    const slide = place.closest("section"), figure = place.closest("figure");
    const box = one => one.getBoundingClientRect(), scale = box(slide).width / slide.offsetWidth;
    const parts = [...slide.children].filter(child => child.offsetHeight && !child.matches("aside"));
    const ends = parts.map(child => box(child).bottom), sentence = figure.querySelector(".explorer-sentence");
    const beside = sentence && box(sentence).left < box(place).left - 1;
    const below = Math.max(...ends) - box(beside ? figure : place).bottom;
    const own = box(place).height - box(place.querySelector("svg")).height;  // a slider, say
    return Math.max(60, (bottom - (box(place).top - box(slide).top + own + below) / scale) / Number(figure.style.zoom));
  };

  /* In a chart that is lower than on its page labels of points may come to stand over each other, or over points: a
     label goes to the nearest place where it is over no other label, and over the fewest points. */
  const ways = [0, 0.6, -0.6, 1.2, -1.2].flatMap(right => [0, 0.8, -0.8, 1.6, -1.6].map(down => [right, down]))
    .sort((one, other) => Math.hypot(...one) - Math.hypot(...other));
  function part(figure) {
    const box = one => one.getBoundingClientRect(), right = box(figure).right, taken = [];
    const points = [...figure.querySelectorAll(".mark-symbol.role-mark path")].map(box);
    const labels = [...figure.querySelectorAll(".mark-text.role-mark text:not(:only-child)")];
    const over = (one, others, gap) => others.filter(other => one.x < other.x + other.width + gap
      && one.x + one.width + gap > other.x && one.y < other.y + other.height && one.y + one.height > other.y).length;
    for (const label of labels.filter(label => label.textContent.trim())) {
      label.style.translate = label.style.visibility = "";
      const { x, y, width, height } = box(label), scale = label.getScreenCTM().d;
      const free = ways.map(([across, down]) => [across * width, down * height])
        .map(([across, down]) => ({ across, down, x: x + across, y: y + down + height / 10, width, height: 0.8 * height }))
        .filter(spot => spot.x + width <= right && !over(spot, taken, 6));
      const covered = free.map(spot => over(spot, points, 0)), best = free[covered.indexOf(Math.min(...covered))];
      if (best) label.style.translate = `${best.across / scale}px ${best.down / scale}px`;
      else label.style.visibility = "hidden";
      if (best) taken.push(best);
    }
  }

  async function drawn(figure) {
    for (let waited = 0; waited < 200 && !settled(figure); waited += 1) await new Promise(done => setTimeout(done, 50));
    await frame();
  }

  /* Says when a slide's charts are drawn. */
  async function fit(slide) {
    const figures = [...slide.querySelectorAll("figure.book-chart, figure.book-explorer")];
    if (!figures.length || slide.dataset.fitted === "yes") return;
    await Promise.all(figures.map(drawn));
    if (figures.every(settled)) slide.dataset.fitted = "yes";
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
