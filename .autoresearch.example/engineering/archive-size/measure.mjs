// Packs a month of readings, the same every time, and prints the size. An archive that loses anything is a crash.
import { deepStrictEqual } from 'node:assert';
import { pack, unpack } from './pack.mjs';

const READINGS = 31 * 24 * 6;
const COLUMNS = 4;

const readings = monthOfReadings();
const archive = pack(readings);
deepStrictEqual(unpack(archive, COLUMNS), readings, 'the archive does not give back what was packed');
console.log(`readings: ${readings.length}`);
console.log(`size_bytes: ${archive.length}`);

/** Every ten minutes: seconds, hundredths of a degree, tenths of a per cent humidity, pascals. */
function monthOfReadings() {
  const random = generator(31);
  let pressure = 101_325;
  return Array.from({ length: READINGS }, (_, index) => {
    const warmth = 1 - Math.abs(((index % 144) - 84) / 72);
    pressure += Math.floor(random() * 21) - 10;
    const degrees = 900 + Math.floor(warmth * 800) + Math.floor(random() * 12);
    const humidity = 700 - Math.floor(warmth * 250) + Math.floor(random() * 6);
    return [1_793_491_200 + index * 600, degrees, humidity, pressure];
  });
}

/** The same numbers in [0, 1) on every machine (a linear congruential generator, constants of Numerical Recipes). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
