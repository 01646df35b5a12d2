/**
 * Records the noise of a real timing benchmark: `tsx bench/gate/record-noise.ts > bench/gate/recorded-noise.json`.
 * One value is the median time of a few short sorts, as a ratio to the median of all values, in the order of measuring.
 */
import { median } from '../../src/core/statistics.js';

const VALUES = 800;
const SORTS = 15;
const NUMBERS = Float64Array.from({ length: 3000 }, (_, i) => Math.sin(i * i));

function sortMs(): number {
  const start = performance.now();
  NUMBERS.slice().sort();
  return performance.now() - start;
}

const timeMs = () => median(Array.from({ length: SORTS }, sortMs));
const times = Array.from({ length: 2 * VALUES }, timeMs).slice(VALUES);
const middle = median(times);
process.stdout.write(`[${times.map((time) => Number((time / middle).toFixed(4))).join(', ')}]\n`);
