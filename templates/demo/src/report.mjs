// The report on one access log: node src/report.mjs access.log
import { fileURLToPath } from 'node:url';
import { parseLine } from './parse.mjs';
import { readLines } from './reader.mjs';
import { Routes } from './routes.mjs';
import { Slowest } from './slowest.mjs';
import { Visitors } from './visitors.mjs';

export function buildReport(path) {
  const routes = new Routes();
  const visitors = new Visitors();
  const slowest = new Slowest();
  readLines(path, (line) => {
    const entry = parseLine(line);
    routes.add(entry);
    visitors.add(entry);
    slowest.add(entry);
  });
  return [
    'requests      bytes  failed  p95 ms  route',
    ...routes.ranked().map(routeLine),
    '',
    'hour  visitors',
    ...visitors.perHour().map(([hour, count]) => `${pad(hour, 4)}${pad(count, 10)}`),
    '',
    'slowest requests',
    ...slowest.top(50).map(({ ms, time, route }) => `${pad(ms, 6)} ms  ${new Date(time).toISOString()}  ${route}`),
    '',
  ].join('\n');
}

function routeLine({ route, requests, bytes, failures, times }) {
  return `${pad(requests, 8)}${pad(bytes, 11)}${pad(failures, 8)}${pad(times.percentile(0.95), 8)}  ${route}`;
}

function pad(value, width) {
  return String(value).padStart(width);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(buildReport(process.argv[2]));
