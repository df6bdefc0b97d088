"use strict";
// Filters. They live in the fragment, #verdict=FAIL,WARN&family=reset&text=fin, so that a filtered view has an address.
(() => {
  const form = document.getElementById("filters");
  const output = form.querySelector("output");
  const boxes = [...form.querySelectorAll("[name=verdict]")];
  const checks = [...document.querySelectorAll("tr.check")];
  const findings = [...document.querySelectorAll("details.finding")];

  const holds = (text, words) => words.every((word) => text.toLowerCase().includes(word));

  function apply() {
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const family = form.elements.family.value;
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = (verdict) => !verdicts.size || verdicts.has(verdict);
    for (const row of checks) {
      const home = row.parentElement.dataset.family;
      const cells = [...row.querySelectorAll("[data-verdict]")].filter((cell) => wanted(cell.dataset.verdict));
      const found = cells.some((cell) => holds(`${row.dataset.text} ${home} ${cell.dataset.target}`, words));
      row.hidden = !found || (family !== "" && family !== home);
    }
    for (const body of document.querySelectorAll("tbody[data-family]")) {
      body.hidden = !body.querySelector("tr.check:not([hidden])");
    }
    for (const finding of findings) {
      const { verdict, family: home, text } = finding.dataset;
      const target = finding.closest("section").dataset.target;
      finding.hidden =
        !wanted(verdict) || (family !== "" && family !== home) || !holds(`${text} ${home} ${target}`, words);
    }
    const filtered = verdicts.size > 0 || family !== "" || words.length > 0;
    for (const section of document.querySelectorAll("section.target")) {
      section.hidden = filtered && !section.querySelector("details.finding:not([hidden])");
    }
    const shown = (rows) => rows.filter((row) => !row.hidden).length;
    output.value = filtered
      ? `${shown(checks)} of ${checks.length} checks, ${shown(findings)} of ${findings.length} findings`
      : "";
    return { verdicts, family, words, filtered };
  }

  function changed() {
    const { verdicts, family, words, filtered } = apply();
    const parts = [];
    if (verdicts.size) parts.push(`verdict=${[...verdicts].join(",")}`);
    if (family) parts.push(`family=${encodeURIComponent(family)}`);
    if (words.length) parts.push(`text=${encodeURIComponent(words.join(" "))}`);
    history.replaceState(null, "", filtered ? `#${parts.join("&")}` : location.pathname + location.search);
  }

  function arrive() {
    const fragment = location.hash.slice(1);
    if (fragment.includes("=")) {
      const wanted = new URLSearchParams(fragment);
      const verdicts = (wanted.get("verdict") ?? "").toUpperCase().split(",");
      for (const box of boxes) box.checked = verdicts.includes(box.value);
      form.elements.family.value = wanted.get("family") ?? "";
      if (form.elements.family.selectedIndex < 0) form.elements.family.value = "";
      form.elements.text.value = wanted.get("text") ?? "";
    }
    apply();
    const place = fragment && document.getElementById(fragment);
    const finding = place && place.closest("details.finding");
    if (finding) {
      finding.hidden = finding.closest("section").hidden = false;
      finding.open = true;
      finding.scrollIntoView();
    }
  }

  form.hidden = false;
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  addEventListener("hashchange", arrive);
  arrive();
})();
