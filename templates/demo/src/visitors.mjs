// How many different addresses came, by the hour: a hash table of 32-bit addresses per hour, open addressing.
const TABLE_BITS = 20; // autoresearch: int 9..20 name=table_bits

const HOUR_MS = 3_600_000;

export class Visitors {
  #hours = new Map();

  add({ address, time }) {
    const hour = Math.floor(time / HOUR_MS);
    if (!this.#hours.has(hour)) this.#hours.set(hour, new AddressSet());
    this.#hours.get(hour).add(numberOf(address));
  }

  /** [hour of the day, visitors] in the order of time. */
  perHour() {
    return [...this.#hours].sort(([a], [b]) => a - b).map(([hour, set]) => [hour % 24, set.size]);
  }
}

class AddressSet {
  #slots = new Int32Array(2 ** TABLE_BITS);
  size = 0;

  add(value) {
    const mask = this.#slots.length - 1;
    let slot = (Math.imul(value, 0x9e3779b1) >>> 7) & mask;
    for (let probes = 0; this.#slots[slot] !== value; probes += 1) {
      if (probes > mask) throw new Error(`the table of visitors is full: ${this.size} addresses in ${mask + 1} slots`);
      if (this.#slots[slot] === 0) {
        this.#slots[slot] = value;
        this.size += 1;
        return;
      }
      slot = (slot + 1) & mask;
    }
  }
}

/** `203.0.113.7` as one 32-bit number. */
function numberOf(address) {
  let value = 0;
  for (const part of address.split('.')) value = (value << 8) | Number(part);
  return value;
}
