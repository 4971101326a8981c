// Small helps. Every page works without them.
"use strict";
for (const select of document.querySelectorAll("select[data-go]")) select.addEventListener("change", () => select.form.requestSubmit());
for (const b of document.querySelectorAll("[data-copy]")) { b.hidden = false; b.addEventListener("click", () => navigator.clipboard.writeText(b.dataset.copy)); }
for (const a of document.querySelectorAll("[data-print]")) { a.hidden = false; a.addEventListener("click", () => print()); }
const side = document.querySelector(".side");
if (side) {
  side.classList.add("js");
  const menu = side.querySelector(".menu");
  menu.hidden = false;
  menu.addEventListener("click", () => menu.setAttribute("aria-expanded", String(side.classList.toggle("open"))));
}
if (document.querySelector("[data-reload]")) setTimeout(() => location.reload(), 1200);
document.addEventListener("keydown", (e) => {
  if (e.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) { e.preventDefault(); document.getElementById("q")?.focus(); }
});

// Review by keyboard: a accepts, r rejects, m merges, j and k move.
const cards = [...document.querySelectorAll("[data-review]")];
if (cards.length) {
  let at = 0;
  cards[0].focus();
  document.addEventListener("keydown", (e) => {
    if (/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName) || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "j" || e.key === "k") { at = Math.max(0, Math.min(cards.length - 1, at + (e.key === "j" ? 1 : -1))); cards[at].focus(); }
    if (e.key === "a") cards[at].querySelector("[value=accept]").click();
    if (e.key === "r") cards[at].querySelector("[value=reject]").click();
    if (e.key === "m") cards[at].querySelector("[value=merge]")?.click();
  });
}

// Preview: what a field would hold for the sample, checked as it is typed.
const fields = document.getElementById("fields");
if (fields) {
  const sample = () => document.getElementById("sample")?.value || "", areaOf = (form) => form.elements.value || form.elements.when || form.elements.words;
  const timers = new Map(), asked = new Map();
  const check = async (form) => {
    const area = areaOf(form), name = (form.elements.field || form.elements.name).value, n = (asked.get(form) || 0) + 1;
    asked.set(form, n);
    const body = form.dataset.preview ? new URLSearchParams(new FormData(form)) : new URLSearchParams({ field: name, value: area.value, sample: sample() });
    const got = await fetch(form.dataset.preview || fields.dataset.preview, { method: "POST", body, headers: { "X-CSRF": fields.dataset.csrf, Accept: "application/json" } }).then((r) => r.json()).catch(() => null);
    if (!got || asked.get(form) !== n) return;
    const gives = form.querySelector(".gives"), error = form.querySelector(".error");
    area.setAttribute("aria-invalid", String(Boolean(got.error)));
    error.textContent = got.error || "";
    if (got.error || !got.record) return;
    const found = (list) => (list || []).find((p) => p.Name === name)?.Value || "";
    error.textContent = found(got.record.problems);
    gives.textContent = name === "@when" ? (got.record.ok ? "✓" : got.record.say || "–") : found(got.record.fields) || (got.record.ok ? "" : got.record.say);
    const took = document.getElementById("took");
    if (took) took.textContent = got.ms.toFixed(1) + " ms";
    fields.dispatchEvent(new CustomEvent("previewed"));
  };
  for (const form of fields.querySelectorAll("form.field")) {
    const area = areaOf(form);
    (form.dataset.preview ? form : area).addEventListener("input", () => { form.classList.toggle("dirty", area.value !== area.defaultValue); clearTimeout(timers.get(form)); timers.set(form, setTimeout(() => check(form), 120)); });
    area.addEventListener("blur", () => { clearTimeout(timers.get(form)); if (area.value !== area.defaultValue) check(form); });
  }
}

// Completion: names that expressions know, offered below the cursor's word.
const areas = document.querySelectorAll("#fields textarea:not([readonly], [data-plain]), textarea[data-offer]");
if (areas.length) {
  let names = [], list = null, chosen = -1;
  fetch("/asset/names.json").then((r) => r.json()).then((n) => { names = n; });
  const close = () => { list?.remove(); list = null; chosen = -1; };
  const word = (a) => a.value.slice(0, a.selectionStart).match(/"?[\w.]+$|"$/)?.[0] || "";
  const choices = (a) => (a.form.querySelector("[data-choices]")?.textContent || "").split(", ").filter(Boolean).map((c) => JSON.stringify(c));
  const take = (a, name) => { const w = word(a); a.setRangeText(name, a.selectionStart - w.length, a.selectionStart, "end"); close(); a.dispatchEvent(new Event("input")); };
  const mark = (a) => { [...list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === chosen))); a.setAttribute("aria-activedescendant", chosen < 0 ? "" : "offer-" + chosen); list.children[chosen]?.scrollIntoView({ block: "nearest" }); };
  for (const a of areas) {
    a.setAttribute("role", "combobox"); a.setAttribute("aria-autocomplete", "list"); a.setAttribute("aria-expanded", "false");
    a.addEventListener("input", (e) => {
      close(); a.setAttribute("aria-expanded", "false");
      const w = word(a);
      const quoted = w.startsWith('"'), low = w.replace('"', "").toLowerCase();
      if (w.length < (quoted ? 1 : 2) || !e.inputType) return;
      const hits = choices(a).filter((n) => n !== w && n.toLowerCase().includes(low)).concat(quoted ? [] : names.filter((n) => n !== w && n.includes(w)).sort((x, y) => y.startsWith(w) - x.startsWith(w))).slice(0, 8);
      if (!hits.length) return;
      list = document.createElement("ul"); list.className = "offer"; list.id = "offer"; list.setAttribute("role", "listbox");
      hits.forEach((n, i) => { const li = document.createElement("li"); li.id = "offer-" + i; li.setAttribute("role", "option"); li.textContent = n; li.addEventListener("mousedown", (ev) => { ev.preventDefault(); take(a, n); }); list.append(li); });
      a.after(list); a.setAttribute("aria-controls", "offer"); a.setAttribute("aria-expanded", "true");
      list.style.top = a.offsetTop + a.offsetHeight + "px"; list.style.left = a.offsetLeft + "px";
    });
    a.addEventListener("keydown", (e) => {
      if (!list) return;
      if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); chosen = (chosen + (e.key === "ArrowDown" ? 1 : list.children.length)) % list.children.length; if (e.key === "ArrowUp" && chosen < 0) chosen = 0; mark(a); }
      else if ((e.key === "Enter" || e.key === "Tab") && chosen >= 0) { e.preventDefault(); take(a, list.children[chosen].textContent); }
      else if (e.key === "Escape") close();
    });
    a.addEventListener("blur", close);
  }
}
