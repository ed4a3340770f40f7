// Answers on their way to the server. Each is in the browser's own storage before anything else happens, and leaves it
// only when the server has said that it is on its disk. Sending the same answer twice is harmless: it carries a nonce.

const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15000];

export function makeNonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

export class AnswerQueue {
  /** scope: task and person; url: where to post; batch: answers per request; changed(state), answered(outcome, answer). */
  constructor({ scope, url, batch, changed, answered }) {
    this.prefix = `painlens:${scope}:`;
    this.url = url;
    this.batch = batch;
    this.changed = changed;
    this.answered = answered;
    this.failures = 0;
    this.sending = false;
    this.timer = 0;
    this.problem = "";
    this.waiting = this.#stored();
    this.serial = this.waiting.reduce((last, one) => Math.max(last, one.serial), 0);
    addEventListener("online", () => this.retry());
    addEventListener("beforeunload", (event) => {
      if (this.waiting.length) event.preventDefault();
    });
  }

  #stored() {
    const found = [];
    for (let n = 0; n < localStorage.length; n += 1) {
      const key = localStorage.key(n);
      if (!key.startsWith(this.prefix)) continue;
      try {
        found.push(JSON.parse(localStorage.getItem(key)));
      } catch {
        // Not written by this page; leave it.
      }
    }
    return found.sort((a, b) => a.serial - b.serial);
  }

  get unsaved() {
    return this.waiting.length;
  }

  /** Keep an answer and send it. */
  add(answer) {
    this.serial += 1;
    const entry = { serial: this.serial, answer };
    try {
      localStorage.setItem(this.prefix + answer.nonce, JSON.stringify(entry));
    } catch {
      this.problem = "This browser's storage is full or switched off: do not close this page while answers are unsaved.";
    }
    this.waiting.push(entry);
    this.changed();
    this.send();
  }

  retry() {
    clearTimeout(this.timer);
    this.send();
  }

  async send() {
    if (this.sending || !this.waiting.length) return;
    this.sending = true;
    clearTimeout(this.timer);
    const entries = this.waiting.slice(0, this.batch);
    const trouble = await this.#post(entries);
    this.sending = false;
    if (trouble === null) {
      this.failures = 0;
      this.problem = "";
      this.changed();
      this.send();
      return;
    }
    this.problem = trouble;
    this.changed();
    const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.send(), wait);
  }

  /** null when the server has taken the answers, else a sentence. */
  async #post(entries) {
    let response;
    try {
      response = await fetch(this.url, {
        method: "POST",
        credentials: "same-origin",
        redirect: "error",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ answers: entries.map((one) => one.answer) }),
      });
    } catch {
      return "No connection. Go on: answers are kept in this browser and sent later.";
    }
    let said;
    try {
      said = await response.json();
    } catch {
      said = {};
    }
    if (response.status === 401) return "You are signed out. Sign in again in another tab; answers are kept here.";
    if (!response.ok || !Array.isArray(said.outcomes)) return said.error || `The server answered ${response.status}.`;
    const outcomes = new Map(said.outcomes.map((one) => [one.nonce, one]));
    for (const entry of entries) {
      const outcome = outcomes.get(entry.answer.nonce);
      if (!outcome) continue;
      localStorage.removeItem(this.prefix + entry.answer.nonce);
      this.waiting.splice(this.waiting.indexOf(entry), 1);
      this.answered(outcome, entry.answer);
    }
    return null;
  }
}
