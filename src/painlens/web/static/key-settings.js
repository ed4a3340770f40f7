// The form in which a person changes the keys or switches them off.

import { part } from "./annotate-screen.js";

/** The keys in force, in the fields and on the buttons. */
export function showKeys(keys) {
  part("keys-on").checked = keys.enabled;
  for (const input of document.querySelectorAll("[data-key-of]")) input.value = keys.keys[input.dataset.keyOf][0];
  for (const mark of document.querySelectorAll("kbd[data-key]")) {
    mark.hidden = !keys.enabled;
    const key = keys.keys[mark.dataset.key][0];
    mark.textContent = key.length === 1 ? key.toUpperCase() : key;
  }
}

/** Listen to the form. */
export function offerKeys(keys) {
  part("keys-on").addEventListener("change", (event) => { keys.enabled = event.target.checked; keys.save(); showKeys(keys); });
  part("keys-reset").addEventListener("click", () => { keys.reset(); showKeys(keys); });
  for (const input of document.querySelectorAll("[data-key-of]")) {
    input.addEventListener("keydown", (event) => {
      if (event.key === "Tab" || event.key === "Shift") return;
      event.preventDefault();
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      part("keys-note").textContent = keys.change(input.dataset.keyOf, key) ? "" : `“${key}” already does something else.`;
      showKeys(keys);
    });
  }
}
