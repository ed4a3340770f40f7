// What is on the annotation screen: panels, words, progress, the last decisions, the hint to take a break.

const BREAK_AFTER = { answers: 200, ms: 25 * 60 * 1000 };
export const WORDS = { yes: "Yes", no: "No", unsure: "Unsure" };
export const part = (name) => document.querySelector(`[data-part~="${name}"]`);
export const all = (name) => document.querySelectorAll(`[data-part~="${name}"]`);

/** Show the face with the decisions, the face with what the training says, or the end. */
export function panel(name) {
  part("stage").hidden = name === "finished";
  part("decisions").hidden = name !== "stage";
  part("feedback").hidden = name !== "feedback";
  part("finished").hidden = name !== "finished";
}

export function note(text) {
  part("note").textContent = text;
}

/** How much is unsaved, and why. */
export function showSaved(queue) {
  const unsaved = queue.unsaved;
  const text = unsaved ? `${unsaved} unsaved` : "All saved";
  part("saved").textContent = text;
  part("saved").dataset.unsaved = String(unsaved);
  const trouble = part("connection");
  trouble.hidden = !(unsaved && queue.problem);
  if (trouble.textContent !== queue.problem) trouble.textContent = queue.problem;
}

export function showProgress(state) {
  const training = state.phase === "training";
  const bar = part("progress");
  bar.max = Math.max(state.total, 1);
  bar.value = training ? 0 : state.done;
  part("progress-text").textContent = training
    ? `Training face ${state.lesson.seen + 1} of ${state.lesson.seen + state.items.length + (state.turn ? 1 : 0)}` : `${state.done} of ${state.total}`;
  for (const button of all("faces-only")) button.hidden = training;
}

/** Unnamed answers of others, where an adjudicator decides between them. */
export function showGiven(given) {
  const list = part("given");
  if (!list) return;
  list.replaceChildren(...given.map((value, n) => {
    const item = document.createElement("li");
    item.textContent = `Answer ${n + 1}: ${WORDS[value]}`;
    return item;
  }));
}

/** The last decisions, each with the very picture that was judged: it is still in memory, so this works offline too. */
export function showRecent(recent, { undo, picture, unlessOn }) {
  const list = part("recent");
  list.replaceChildren(...recent.map((one, n) => {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = `${WORDS[one.value]}: change`;
    button.setAttribute("aria-label", `Decision ${n + 1} back: ${WORDS[one.value]}. Take it back and decide again`);
    button.addEventListener("click", (event) => undo(event, n));
    item.append(button);
    picture(one.item).then((image) => {
      if (unlessOn() === one.item) return;
      image.className = "thumb";
      image.alt = "";
      item.prepend(image);
    }, () => {});
    return item;
  }));
  part("recent-empty").hidden = recent.length > 0;
}

/** Proposes a break after many faces or minutes without one. */
export class BreakHint {
  constructor() {
    this.#begin();
  }

  #begin() {
    this.answers = 0;
    this.from = performance.now();
  }

  answered() {
    this.answers += 1;
    const passed = performance.now() - this.from;
    if (this.answers < BREAK_AFTER.answers && passed < BREAK_AFTER.ms) return;
    part("break").hidden = false;
    part("break-text").textContent = `${this.answers} faces in ${Math.max(1, Math.round(passed / 60000))} minutes. ` +
      "A short break keeps your eye fresh; nothing is lost meanwhile.";
    this.#begin();
  }

  over() {
    part("break").hidden = true;
    this.#begin();
  }
}
