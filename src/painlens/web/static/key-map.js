// Single keys, which can be changed or switched off (WCAG 2.1.4); kept in this browser.

export const DEFAULTS = {
  yes: ["y", "1"], no: ["n", "2"], unsure: ["u", "3"],
  undo: ["z", "Backspace"], skip: ["s"], flag: ["f"], help: ["?"],
};
const PLACE = "painlens-keys";

export class KeyMap {
  constructor() {
    this.enabled = true;
    this.keys = structuredClone(DEFAULTS);
    try {
      const stored = JSON.parse(localStorage.getItem(PLACE) || "{}");
      if (typeof stored.enabled === "boolean") this.enabled = stored.enabled;
      for (const name of Object.keys(DEFAULTS)) {
        if (Array.isArray(stored.keys?.[name]) && stored.keys[name].length) this.keys[name] = stored.keys[name].map(String);
      }
    } catch {
      // A damaged entry counts as none.
    }
  }

  save() {
    localStorage.setItem(PLACE, JSON.stringify({ enabled: this.enabled, keys: this.keys }));
  }

  /** Give an action another first key; false if another action has it. */
  change(action, key) {
    const taken = Object.entries(this.keys).some(([name, keys]) => name !== action && keys.includes(key));
    if (taken || !key) return false;
    this.keys[action] = [key];
    this.save();
    return true;
  }

  reset() {
    this.keys = structuredClone(DEFAULTS);
    this.enabled = true;
    this.save();
  }

  /** Action of a key press, or null: typing in fields, held-down keys and other modifiers are left alone. */
  actionOf(event) {
    const target = event.target;
    if (target instanceof Element && target.closest("input, textarea, select, [contenteditable]")) return null;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "z") return "undo";
    if (!this.enabled || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const found = Object.entries(this.keys).find(([, keys]) => keys.includes(key));
    return found ? found[0] : null;
  }
}
