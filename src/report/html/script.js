"use strict";
(() => {
  const form = document.getElementById("filters");
  const verdict = document.getElementById("filter-verdict");
  const text = document.getElementById("filter-text");
  const count = document.getElementById("filter-count");
  const drills = [...document.querySelectorAll("#drills > tbody.drill")];
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const drill of drills) {
      const row = drill.rows[0].textContent.toLowerCase();
      const fits = (!verdict.value || drill.dataset.verdict === verdict.value) && words.every((word) => row.includes(word));
      drill.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent = `${shown} of ${drills.length} shown`;
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  form.hidden = false;
  apply();
  // A link to a drill opens its detail, and shows it where a filter hid it.
  const open = () => {
    const drill = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!drill || !drill.matches("tbody.drill")) return;
    if (drill.hidden) { form.reset(); apply(); }
    drill.querySelector("details").open = true;
    drill.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
})();
