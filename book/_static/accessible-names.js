/* Names and roles that the theme leaves out; screen readers need them. */
(function () {
  "use strict";
  function nameThem() {
    // The sidebar's arrows that open a part.
    for (const summary of document.querySelectorAll("details > summary")) {
      if (summary.textContent.trim() || summary.getAttribute("aria-label")) continue;
      const item = summary.closest("li");
      const link = item && item.querySelector("a");
      summary.setAttribute("aria-label", "Sections of " + (link ? link.textContent.trim() : "this part"));
    }
    // Their labels contradict the text that is seen on them.
    for (const button of document.querySelectorAll(".search-button-field, .theme-switch-button")) {
      button.removeAttribute("aria-label");
    }
    for (const entry of document.querySelectorAll(".citation-list > .citation")) {
      entry.setAttribute("role", "listitem");
    }
    for (const sidebar of document.querySelectorAll(".sidebar-primary-items__start")) {
      sidebar.setAttribute("role", "region");
      sidebar.setAttribute("aria-label", "Book contents");
    }
  }
  /* A formula is a stop of the Tab key only where it has to be scrolled. */
  function fitFormulas() {
    for (const formula of document.querySelectorAll("mjx-container[display='true']")) {
      if (formula.scrollWidth > formula.clientWidth) formula.tabIndex = 0;
      else formula.removeAttribute("tabindex");
    }
  }
  window.addEventListener("load", () => {
    const typeset = window.MathJax && window.MathJax.startup && window.MathJax.startup.promise;
    if (typeset) typeset.then(() => document.fonts.ready).then(fitFormulas);
  });
  document.addEventListener("toggle", fitFormulas, true);
  window.addEventListener("resize", fitFormulas);
  if (document.readyState === "complete") nameThem();
  else window.addEventListener("load", nameThem);
})();
