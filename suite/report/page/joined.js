"use strict";
// Sorts and filters the rows, and makes one curve stand out. The page is complete without it.
(() => {
  const table = document.getElementById("rows");
  if (table) {
    const bodies = [...table.tBodies];
    const lines = (body) => [...body.rows].slice(1);
    const initial = new Map(bodies.map((body) => [body, lines(body)]));
    const heads = [...table.tHead.rows[0].cells];

    const value = (row, at) => {
      if (at === 0) return row.cells[0].textContent.trim().toLowerCase();
      const cell = row.cells[at];
      return cell && cell.dataset.v !== undefined ? Number(cell.dataset.v) : null;
    };

    function sort(at, ascending) {
      for (const body of bodies) {
        const rows = [...initial.get(body)];
        rows.sort((one, other) => {
          const [a, b] = [value(one, at), value(other, at)];
          if (a === null || b === null) return (a === null) - (b === null);
          return (a < b ? -1 : a > b ? 1 : 0) * (ascending ? 1 : -1);
        });
        body.append(...rows);
      }
    }

    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // Names and costs read from the small end, rates and ratios from the large one.
        const first = at === 1 || at === 2 || at === 6 || at === 13 ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort");
        const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        sort(at, next === "ascending");
      });
    });

    const form = document.getElementById("rows-filter");
    function filter() {
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = form.elements.workload.value;
      let shown = 0;
      let all = 0;
      for (const body of bodies) {
        let here = 0;
        for (const row of lines(body)) {
          const name = value(row, 0);
          row.hidden = !words.every((word) => name.includes(word));
          here += !row.hidden;
          all += 1;
        }
        body.hidden = here === 0 || (wanted !== "" && wanted !== body.dataset.w);
        if (!body.hidden) shown += here;
      }
      form.querySelector("output").value = shown < all ? `${shown} of ${all} rows` : "";
    }
    form.hidden = false;
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    filter();
  }

  for (const hint of document.querySelectorAll(".scripted")) hint.hidden = false;
  for (const figure of document.querySelectorAll("figure")) {
    const keys = [...figure.querySelectorAll(".keys li")];
    if (keys.length < 2) continue;
    const chosen = new Set();
    for (const key of keys) {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.append(...key.childNodes);
      key.append(button);
      button.addEventListener("click", () => {
        const own = key.dataset.s;
        if (!chosen.delete(own)) chosen.add(own);
        button.setAttribute("aria-pressed", String(chosen.has(own)));
        figure.classList.toggle("chosen", chosen.size > 0);
        for (const line of figure.querySelectorAll("svg [data-s]")) {
          line.classList.toggle("on", chosen.has(line.dataset.s));
        }
      });
    }
  }

  const open = () => {
    const place = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const details = place && place.querySelector("details");
    if (details) details.open = true;
  };
  addEventListener("hashchange", open);
  open();
})();
