// Single-key shortcuts that a person can switch off (WCAG 2.1.4), and the dialog that lists them.
const NAME = "painlens-keys";

export function keysOn() {
  try { return localStorage.getItem(NAME) !== "off"; } catch { return true; }
}

export function typing(target) {
  return Boolean(target?.closest?.("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]"));
}

export function helpDialog() {
  const dialog = document.getElementById("help");
  const box = document.getElementById("keys-on");
  box.checked = keysOn();
  box.addEventListener("change", () => {
    try { localStorage.setItem(NAME, box.checked ? "on" : "off"); } catch { /* private windows forget it */ }
  });
  return dialog;
}
