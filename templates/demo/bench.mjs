// Measures how long the report takes: writes a log that is the same every time, builds the report a few times, prints
// the median in milliseconds. A report that differs from the known one counts as a crash, however fast it was.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildReport } from './src/report.mjs';

const LINES = 20_000;
const RUNS = 5;
const REPORT_SHA256 = '4d6c38f0bc2df6853bddca69b7dbda572f52f8a8f26e2352263e4f46f7bf2498';

const folder = mkdtempSync(join(tmpdir(), 'log-report-'));
try {
  const log = join(folder, 'access.log');
  writeFileSync(log, accessLog(LINES));
  const times = [];
  for (let run = 0; run < RUNS; run += 1) {
    const start = performance.now();
    const report = buildReport(log);
    times.push(performance.now() - start);
    check(report);
  }
  times.sort((a, b) => a - b);
  console.log(`fastest_ms: ${times[0].toFixed(3)}`);
  console.log(`p50_ms: ${times[Math.floor(RUNS / 2)].toFixed(3)}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function check(report) {
  const sum = createHash('sha256').update(report).digest('hex');
  if (sum !== REPORT_SHA256) throw new Error(`the report is wrong: sha256 ${sum}, expected ${REPORT_SHA256}`);
}

/** One day of a shop: few routes get most of the requests, a few requests are slow, some names are not ASCII. */
function accessLog(lines) {
  const random = generator(2026);
  const routes = Array.from({ length: 200 }, (_, index) => `/${index % 7 ? 'products' : 'cafés'}/${index * 37}`);
  const start = Date.UTC(2026, 10, 20);
  let text = '';
  for (let line = 0; line < lines; line += 1) {
    const time = new Date(start + Math.floor((line * 86_400_000) / lines)).toUTCString();
    const stamp = `${time.slice(5, 7)}/${time.slice(8, 11)}/${time.slice(12, 16)}:${time.slice(17, 25)} +0000`;
    const visitor = Math.floor(random() ** 2 * 20_000);
    const address = `10.${visitor >> 12}.${(visitor >> 4) & 255}.${(visitor & 15) + 1}`;
    const route = routes[Math.floor(random() ** 3 * routes.length)];
    const query = random() < 0.3 ? `?page=${Math.floor(random() * 9)}` : '';
    const status = random() < 0.01 ? 503 : 200;
    const bytes = 200 + Math.floor(random() * 40_000);
    const ms = Math.floor(2 + 20 / (random() + 0.004));
    const seconds = (ms / 1000).toFixed(3);
    text += `${address} - - [${stamp}] "GET ${route}${query} HTTP/1.1" ${status} ${bytes} ${seconds}\n`;
  }
  return text;
}

/** The same numbers in [0, 1) on every machine (a linear congruential generator, constants of Numerical Recipes). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
