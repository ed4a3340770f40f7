// Pictures are fetched ahead and held in memory, so that the next face is there at once and work goes on offline.
// They are never in the browser's disk cache: the server says no-store.

const AT_ONCE = 4;

export class PicturesAhead {
  constructor(addressOf, ahead) {
    this.addressOf = addressOf;
    this.ahead = ahead;
    this.held = new Map(); // id -> {image, ready}
    this.loading = 0;
    this.wanted = [];
  }

  /** Which pictures are needed, the next one first; all others are let go. */
  want(ids) {
    this.wanted = ids.slice(0, this.ahead);
    const keep = new Set(this.wanted);
    for (const id of this.held.keys()) if (!keep.has(id)) this.held.delete(id);
    this.#fill();
  }

  /** A decoded image element; rejects where it could not be fetched. */
  get(id) {
    if (!this.held.has(id)) this.#start(id);
    return this.held.get(id).ready;
  }

  forget(id) {
    this.held.delete(id);
  }

  #fill() {
    for (const id of this.wanted) {
      if (this.loading >= AT_ONCE) return;
      if (!this.held.has(id)) this.#start(id);
    }
  }

  #start(id) {
    const image = new Image();
    image.src = this.addressOf(id);
    this.loading += 1;
    const ready = image.decode().then(() => image);
    this.held.set(id, { ready });
    ready
      .catch(() => this.held.delete(id))
      .finally(() => {
        this.loading -= 1;
        // After a failure wait for the next call of want: a server that is away should not be asked in a loop.
        if (this.held.has(id)) this.#fill();
      });
  }
}
