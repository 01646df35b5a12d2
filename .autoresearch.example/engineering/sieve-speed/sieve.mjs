// Counts primes with a segmented sieve of Eratosthenes: memory stays small however large the limit is.
const SEGMENT = 2048; // autoresearch: int 1024..4194304 log name=segment
const STORAGE = 'array'; // autoresearch: choice "array" "bytes" "bits" name=storage
const ODD_ONLY = false; // autoresearch: bool name=odd_only
const FROM_SQUARE = false; // autoresearch: bool name=from_square

/** How many primes are smaller than `limit` (at least 3). */
export function countPrimes(limit) {
  const step = ODD_ONLY ? 2 : 1;
  const first = ODD_ONLY ? 3 : 2;
  const primes = smallPrimes(Math.ceil(Math.sqrt(limit))).filter((prime) => prime >= first);
  const flags = new storages[STORAGE](SEGMENT);
  let count = ODD_ONLY ? 1 : 0;
  for (let low = first; low < limit; low += SEGMENT * step) {
    const size = Math.min(SEGMENT, Math.ceil((limit - low) / step));
    flags.clear();
    for (const prime of primes) {
      for (let index = firstMultiple(prime, low, step); index < size; index += prime) flags.mark(index);
    }
    count += flags.countUnmarked(size);
  }
  return count;
}

/** Index, in the segment that begins at `low`, of the first multiple of `prime` that is not the prime itself. */
function firstMultiple(prime, low, step) {
  const from = FROM_SQUARE ? prime * prime : prime * 2;
  let multiple = Math.max(from, Math.ceil(low / prime) * prime);
  if (step === 2 && multiple % 2 === 0) multiple += prime;
  return (multiple - low) / step;
}

function smallPrimes(limit) {
  const primes = [];
  for (let number = 2; number <= limit; number += 1) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  }
  return primes;
}

class ArrayFlags {
  constructor(size) {
    this.flags = new Array(size).fill(false);
  }
  clear() {
    this.flags.fill(false);
  }
  mark(index) {
    this.flags[index] = true;
  }
  countUnmarked(size) {
    let count = 0;
    for (let index = 0; index < size; index += 1) if (!this.flags[index]) count += 1;
    return count;
  }
}

class ByteFlags extends ArrayFlags {
  constructor(size) {
    super(0);
    this.flags = new Uint8Array(size);
  }
  clear() {
    this.flags.fill(0);
  }
  mark(index) {
    this.flags[index] = 1;
  }
}

class BitFlags {
  constructor(size) {
    this.words = new Uint32Array(Math.ceil(size / 32));
  }
  clear() {
    this.words.fill(0);
  }
  mark(index) {
    this.words[index >>> 5] |= 1 << (index & 31);
  }
  countUnmarked(size) {
    let count = 0;
    for (let index = 0; index < size; index += 1) if (!(this.words[index >>> 5] & (1 << (index & 31)))) count += 1;
    return count;
  }
}

const storages = { array: ArrayFlags, bytes: ByteFlags, bits: BitFlags };
