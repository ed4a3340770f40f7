// The gallery without reloading: filters are fetched and put in place, keys move between tiles.
// Everything works without this file too; it only saves waiting.
import { keysOn, helpDialog, typing } from "./keys.js";

const form = document.getElementById("filter-form");
const filters = document.getElementById("filters");
const results = () => document.getElementById("results");
let latest = 0;
const place = (href) => { const url = new URL(href, location.href); return url.pathname + url.search; };
let shown = place(location.href);

async function show(address, { push = true, keepFocus = false } = {}) {
  const turn = ++latest;
  results().setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/sign-in") { location.href = answer.url; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("results");
    if (turn !== latest) return;
    if (!fresh) throw new Error(`status ${answer.status}`);
    results().replaceWith(fresh);
    if (push) history.pushState(null, "", address);
    shown = place(address);
    const controls = page.getElementById("filter-form");
    if (controls && answer.ok) adopt(controls);
    if (!keepFocus) window.scrollTo({ top: 0 });
    watchPicks();
  } catch (error) {
    if (turn !== latest) return;
    results().removeAttribute("aria-busy");
    banner(address);
  }
}

function adopt(controls) {
  // the controls follow the URL, also when a chip or a region was chosen
  for (const control of form.elements) {
    const now = control.name && controls.elements[control.name];
    if (!now) continue;
    control.value = now.value;
    const [own, theirs] = [control.closest(".control"), now.closest(".control")];
    if (own && theirs) own.className = theirs.className;
  }
}

function banner(address) {
  let note = document.getElementById("failed");
  if (!note) {
    note = document.createElement("p");
    note.id = "failed"; note.className = "banner"; note.setAttribute("role", "alert");
    results().prepend(note);
  }
  note.textContent = "The server did not answer. What you see is the earlier result. ";
  const retry = document.createElement("button");
  retry.type = "button"; retry.className = "button"; retry.textContent = "Retry";
  retry.addEventListener("click", () => { note.remove(); show(address); });
  note.append(retry);
}

function address() {
  const chosen = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value !== (form.elements[name].dataset.usual ?? "")) chosen.append(name, value);
  }
  const text = chosen.toString();
  return text ? `/inspect?${text}` : "/inspect";
}

form.addEventListener("submit", (event) => { event.preventDefault(); show(address()); });
form.addEventListener("change", (event) => { if (event.target.matches("select")) show(address(), { keepFocus: true }); });
// A jump within the page (the skip link) is a popstate as well: loading anew would take the focus away.
window.addEventListener("popstate", () => { if (place(location.href) !== shown) show(location.href, { push: false }); });
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  const url = new URL(link.href);
  if (url.pathname !== "/inspect" || !link.closest("#results, .filter-buttons")) return;
  event.preventDefault();
  show(url.href, { keepFocus: Boolean(link.closest(".statistics")) });
});

function watchPicks() {
  const pick = document.getElementById("pick");
  if (!pick) return;
  const tell = () => {
    const count = pick.querySelectorAll("input[name=face]:checked").length;
    document.getElementById("picked").textContent = count ? `with ${count} ticked ${count === 1 ? "face" : "faces"}` : "tick faces to add them";
  };
  pick.addEventListener("change", tell);
  tell();
}

const tiles = () => [...document.querySelectorAll("#tiles .strip")];
function move(step) {
  const all = tiles();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}
function perRow() {
  const all = tiles();
  const top = all[0]?.getBoundingClientRect().top;
  const count = all.findIndex((tile) => tile.getBoundingClientRect().top > top + 4);
  return count > 0 ? count : all.length;
}
function turn(rel) {
  const link = document.querySelector(`.pager a[rel=${rel}]`);
  if (link) show(link.href).then(() => tiles()[0]?.focus());
}

const help = helpDialog();
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || help.open) return;
  const inTiles = document.activeElement?.closest("#tiles") || document.activeElement === document.body || document.activeElement?.id === "main";
  const arrows = { ArrowRight: 1, ArrowLeft: -1 };
  if (inTiles && event.key in arrows) { event.preventDefault(); move(arrows[event.key]); return; }
  if (document.activeElement?.closest("#tiles") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault(); move(event.key === "ArrowDown" ? perRow() : -perRow()); return;
  }
  if (event.key === "?") { help.showModal(); return; }
  if (!keysOn() || event.repeat && !["j", "k"].includes(event.key)) return;
  const actions = {
    j: () => move(1), k: () => move(-1), n: () => turn("next"), p: () => turn("prev"),
    x: () => document.activeElement?.closest(".tile")?.querySelector("input[type=checkbox]")?.click(),
    o: () => { const over = form.elements.over; over.value = over.value ? "" : "yes"; show(address(), { keepFocus: true }); },
    "/": () => { filters.open = true; form.elements[0].focus?.(); form.querySelector("select").focus(); },
  };
  const action = actions[event.key];
  if (action) { event.preventDefault(); action(); }
});

// the statistics stick below the filters, however tall these are
new ResizeObserver(() => {
  document.documentElement.style.setProperty("--filters-height", `${filters.offsetHeight}px`);
}).observe(filters);
if (matchMedia("(max-width: 48rem)").matches) filters.open = false;
watchPicks();
