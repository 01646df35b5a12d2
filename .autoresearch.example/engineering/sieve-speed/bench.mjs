// Measures how long countPrimes takes; prints the median in milliseconds. A wrong count is a crash.
import { countPrimes } from './sieve.mjs';

const LIMIT = 10_000_000;
const PRIMES_BELOW_LIMIT = 664_579;
const RUNS = 5;

check(30, 10);
check(10_000, 1229);
const times = [];
for (let run = 0; run < RUNS; run += 1) {
  const start = performance.now();
  check(LIMIT, PRIMES_BELOW_LIMIT);
  times.push(performance.now() - start);
}
times.sort((a, b) => a - b);
console.log(`p50_ms: ${times[Math.floor(RUNS / 2)].toFixed(3)}`);

function check(limit, expected) {
  const count = countPrimes(limit);
  if (count !== expected) throw new Error(`${count} primes below ${limit}: there are ${expected}`);
}
