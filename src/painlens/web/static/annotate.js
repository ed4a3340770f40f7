// The annotation screen. A key counts only for the face that is on the screen: it is accepted after the picture was
// decoded, put into the page and painted, and only if the key was pressed later than that.

import { AnswerQueue, makeNonce } from "./answer-queue.js";
import {
  BreakHint, WORDS, all, note, panel, part, showGiven, showProgress, showRecent, showSaved,
} from "./annotate-screen.js";
import { KeyMap } from "./key-map.js";
import { offerKeys, showKeys } from "./key-settings.js";
import { PicturesAhead } from "./pictures-ahead.js";

const settings = JSON.parse(document.getElementById("annotate-data").textContent);
const NOT_BEFORE_MS = 80; // nobody sees a face and answers within this time; a bouncing key does
const REFILL_BELOW = 60;
const RECENT = 5;
const LOOK_EVERY_MS = 10000; // for withdrawn faces

const keys = new KeyMap();
const pictures = new PicturesAhead((id) => `${settings.base}/picture/${encodeURIComponent(id)}`, settings.ahead);
const state = {
  phase: "", items: [], turn: null, current: null, paintedAt: Infinity, accepting: false, done: 0, total: 0, recent: [],
  answered: new Set(), restored: new Map(), lesson: { right: 0, seen: 0, waiting: null }, flagged: false, given: {}, lost: 0,
  ticket: 0, filling: null,
};
const breakHint = new BreakHint();
const queue = new AnswerQueue({
  scope: settings.scope, url: `${settings.base}/answers`, batch: settings.batch,
  changed: () => { showSaved(queue); if (closing()) finish(); }, answered: (outcome, answer) => acknowledged(outcome, answer),
});

// ---- what comes next ---------------------------------------------------------------------------------------------

async function refill({ again = false } = {}) {
  let found;
  const asked = performance.now();
  try {
    const response = await fetch(`${settings.base}/queue${again ? "?again" : ""}`, {
      credentials: "same-origin", redirect: "error", headers: { Accept: "application/json" },
    });
    const said = await response.json();
    if (!response.ok) throw new Error(said.error);
    found = said;
  } catch (error) {
    if (!state.phase) note(error.message || "The server does not answer; this page tries again.");
    return false;
  }
  take(found, asked);
  showProgress(state);
  return true;
}

/**
 * Bring what the server lists together with what this page knows and the server did not know when it was asked: a list
 * that was on its way while an answer was taken back does not hold that face.
 */
function take(found, asked) {
  const faces = found.phase !== "training";
  const under = (kind) => new Set(queue.waiting.filter((one) => one.answer.kind === kind).map((one) => one.answer.item));
  const labels = under("label");
  const late = [...state.restored].filter(([, since]) => since > asked).map(([id]) => id);
  const takenBack = new Set([...under("undo"), ...late]);
  const listed = found.items.filter((id) => !(faces && (state.answered.has(id) || labels.has(id))) && id !== state.turn);
  const skipped = under("skip");
  const undone = [...takenBack].filter((id) => !labels.has(id) && id !== state.turn && !listed.includes(id));
  state.items = [...undone, ...listed.filter((id) => !skipped.has(id)), ...listed.filter((id) => skipped.has(id))];
  state.phase = found.phase === "done" && (state.items.length || state.turn) ? "faces" : found.phase;
  state.given = found.answers || {};
  state.total = found.total;
  state.done = faces ? found.done + labels.size - takenBack.size : found.done;
  if (!state.recent.length && !state.answered.size) state.recent = found.recent;
  // A face whose consent was withdrawn leaves the screen, also the one that is on it.
  const gone = faces && state.current && !state.answered.has(state.current) && !found.items.includes(state.current)
    && !takenBack.has(state.current) && found.items.length < settings.ahead;
  if (gone) {
    pictures.forget(state.current);
    state.turn = null;
    next("A face was withdrawn and is left out.");
  }
}

async function next(why = "") {
  state.accepting = false;
  state.current = null;
  state.turn = null;
  const ticket = ++state.ticket;
  if (state.items.length < REFILL_BELOW && state.phase === "faces" && !state.filling) {
    state.filling = refill().finally(() => { state.filling = null; });
  }
  if (!state.items.length && state.filling) await state.filling;
  if (ticket !== state.ticket) return;
  const id = state.items.shift();
  if (id === undefined) {
    finish();
    return;
  }
  state.turn = id;
  keepAhead();
  await show(id, ticket, why);
}

async function show(id, ticket, why = "") {
  let image;
  try {
    image = await pictures.get(id);
  } catch {
    return missing(id, ticket);
  }
  if (ticket !== state.ticket) return;
  state.current = id;
  state.flagged = false;
  image.alt = state.phase === "training" ? "Training face" : "Face to judge";
  image.className = "face";
  image.dataset.item = id;
  part("stage").replaceChildren(image);
  panel("stage");
  note(why);
  showGiven(state.given[id] || []);
  showProgress(state);
  // The first frame callback runs before the picture is painted, the second after.
  requestAnimationFrame(() => requestAnimationFrame((now) => {
    if (ticket !== state.ticket) return;
    state.paintedAt = Math.max(now, performance.now());
    state.accepting = true;
    image.dataset.painted = "yes";
    document.body.dataset.shown = id;
  }));
}

async function missing(id, ticket) {
  let status = 0;
  try {
    status = (await fetch(`${settings.base}/picture/${encodeURIComponent(id)}`, { credentials: "same-origin" })).status;
  } catch {
    status = 0;
  }
  if (ticket !== state.ticket) return;
  if (status === 0 || status === 200) {
    note("The next face is not here yet; waiting for the connection.");
    setTimeout(() => { if (ticket === state.ticket) show(id, ticket); }, 1000);
    return;
  }
  if (status === 401) {
    note("You are signed out. Sign in again in another tab, then reload this page.");
    return;
  }
  state.lost += 1;
  if (status === 410) state.total -= 1;
  next(status === 410 ? "A face was withdrawn and is left out." : "A face could not be loaded and is left out for now.");
}

/** The end is on the screen and its words change once everything is saved. */
function closing() {
  return !queue.unsaved && !part("finished").hidden && state.phase === "done";
}

function finish() {
  part("stage").replaceChildren();
  panel("finished");
  delete document.body.dataset.shown;
  if (state.phase === "training") return finishTraining();
  const open = state.phase !== "done" && state.phase !== "faces";
  part("finished-title").textContent = open ? "Not ready" : settings.part === "adjudicate"
    ? "Nothing waits for you here" : "All faces are done";
  part("finished-text").textContent = open
    ? "The server does not answer. This page tries again."
    : queue.unsaved ? "Keep this page open until everything is saved." : "Thank you. You can close this page.";
  for (const button of all("training-choice")) button.hidden = true;
  if (open || state.lost) setTimeout(retryEmpty, 3000);
}

async function retryEmpty() {
  if (state.current || state.items.length) return;
  state.lost = 0;
  if (await refill()) {
    if (state.items.length) next();
    else if (state.phase === "done") finish();
  } else finish();
}

// ---- training ----------------------------------------------------------------------------------------------------

function finishTraining() {
  part("progress-text").textContent = "";
  const { right, seen } = state.lesson;
  part("again").className = part("begin").className = "button";
  const better = right < 0.8 * seen ? part("again") : part("begin");
  better.className = "button primary";
  part("finished-title").textContent = "Training is over";
  part("finished-text").textContent = `You were right on ${right} of ${seen} training faces.` +
    (right < 0.8 * seen ? " Please read the guideline once more and repeat the training." : "");
  for (const button of all("training-choice")) button.hidden = false;
  better.focus();
}

function teach(truth, value) {
  const right = truth === value;
  state.lesson.right += right ? 1 : 0;
  state.lesson.seen += 1;
  panel("feedback");
  part("feedback").dataset.right = right ? "yes" : "no";
  part("feedback-title").textContent = right ? "Right" : "Not quite";
  part("feedback-text").textContent = `You said ${WORDS[value].toLowerCase()}; the answer is ${WORDS[truth].toLowerCase()}.`;
  part("continue").focus();
}

// ---- answers -----------------------------------------------------------------------------------------------------

function send(kind, item, more = {}) {
  const answer = { nonce: makeNonce(), item, kind, ...more };
  queue.add(answer);
  return answer;
}

function ready(event) {
  return state.accepting && state.current !== null && event.timeStamp >= state.paintedAt + NOT_BEFORE_MS;
}

function label(value, event) {
  if (!ready(event)) return;
  const item = state.current;
  const elapsed = Math.round(event.timeStamp - state.paintedAt);
  state.accepting = false;
  if (state.phase === "training") {
    state.lesson.waiting = item;
    note("Asking for the answer …");
    send("label", item, { value, elapsed_ms: elapsed });
    return;
  }
  const answer = send("label", item, { value, elapsed_ms: elapsed });
  state.recent = [{ item, value, nonce: answer.nonce }, ...state.recent].slice(0, RECENT);
  state.answered.add(item);
  state.restored.delete(item);
  state.done += 1;
  breakHint.answered();
  recall();
  next();
}

function recall() {
  showRecent(state.recent, { undo, picture: (id) => pictures.get(id), unlessOn: () => state.turn });
}

function undo(event, which = 0) {
  const last = state.recent[which];
  if (!last || state.phase === "training" || event.repeat) return;
  send("undo", last.item, { undoes: last.nonce });
  state.recent.splice(which, 1);
  state.answered.delete(last.item);
  state.restored.set(last.item, Infinity);
  state.done -= 1;
  const after = state.turn && state.turn !== last.item ? [state.turn] : [];
  state.items = [last.item, ...after, ...state.items.filter((id) => id !== last.item)];
  recall();
  next();
}

function skip(event) {
  if (!ready(event) || state.phase === "training") return;
  const item = state.current;
  send("skip", item);
  state.items.push(item);
  next();
}

function flag(event) {
  if (!ready(event) || state.phase === "training" || state.flagged) return;
  state.flagged = true;
  send("flag", state.current);
  note("Flagged for the researcher. Now answer or skip.");
}

function acknowledged(outcome, answer) {
  if (outcome.state === "refused") {
    part("trouble").hidden = false;
    part("trouble").textContent = `An answer was refused: ${outcome.reason}. Tell the researcher.`;
  }
  if (answer.kind === "undo" && state.restored.has(answer.item)) state.restored.set(answer.item, performance.now());
  if (answer.kind === "label" && state.lesson.waiting === answer.item && outcome.truth) {
    state.lesson.waiting = null;
    note("");
    teach(outcome.truth, answer.value);
  }
}

// ---- hands -------------------------------------------------------------------------------------------------------

const ACTIONS = {
  yes: (event) => label("yes", event), no: (event) => label("no", event), unsure: (event) => label("unsure", event),
  undo, skip, flag, help: () => { part("help").open = !part("help").open; },
};

document.addEventListener("keydown", (event) => {
  const action = keys.actionOf(event);
  if (!action) return;
  event.preventDefault();
  if (!event.repeat) ACTIONS[action](event);
});

for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", (event) => ACTIONS[button.dataset.action](event));
}
part("continue").addEventListener("click", () => {
  if (state.items.length) next();
  else { state.current = null; state.turn = null; finish(); }
});
part("begin").addEventListener("click", async () => { if (await refill()) next(); });
part("again").addEventListener("click", async () => {
  state.lesson = { right: 0, seen: 0, waiting: null };
  if (await refill({ again: true })) next();
});
part("break-over").addEventListener("click", () => breakHint.over());

async function begin() {
  offerKeys(keys);
  showKeys(keys);
  showSaved(queue);
  queue.retry();
  while (!(await refill())) {
    await new Promise((resolve) => { setTimeout(resolve, 2000); });
  }
  recall();
  next();
  setInterval(() => {
    if (state.phase === "faces" && state.turn && !state.filling) refill().then((good) => { if (good) keepAhead(); });
  }, LOOK_EVERY_MS);
}

function keepAhead() {
  if (state.turn) pictures.want([state.turn, ...state.recent.map((one) => one.item), ...state.items]);
}

begin();
