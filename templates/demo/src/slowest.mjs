// The slowest requests of the log. They are collected in a buffer; a full buffer is sorted and its faster half dropped.
const BUFFER = 20000; // autoresearch: int 40..20000 log name=slowest_buffer

export class Slowest {
  #kept = [];
  #threshold = -1;

  add(entry) {
    if (entry.ms < this.#threshold) return;
    this.#kept.push(entry);
    if (this.#kept.length < BUFFER) return;
    this.#kept.sort(slowestFirst);
    this.#kept.length = Math.ceil(BUFFER / 2);
    this.#threshold = this.#kept[this.#kept.length - 1].ms;
  }

  top(count) {
    if (BUFFER < 2 * count) throw new Error(`a buffer of ${BUFFER} may have dropped some of the ${count} slowest`);
    return this.#kept.sort(slowestFirst).slice(0, count);
  }
}

function slowestFirst(a, b) {
  return b.ms - a.ms || a.time - b.time || (a.route < b.route ? -1 : 1);
}
