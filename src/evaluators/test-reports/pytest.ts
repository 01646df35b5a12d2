/** The summary line of pytest: `=== 1 failed, 3 passed, 1 skipped in 0.12s ===`, with or without the frame. */
import type { ReportReading } from './types.js';

const SUMMARY = /^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in \d[\d.]*s(?: \([\d:, day]+\))?(?: =+)?$/gm;
const NONE_RAN = /^(?:=+ )?no tests ran in \d[\d.]*s(?: =+)?$/m;
const WORDS = /^(?:failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?|rerun)$/;

export function parsePytest(text: string): ReportReading {
  const interrupted = /^!+ (Interrupted: \d+ errors? during collection|.*KeyboardInterrupt.*) !+$/m.exec(text)?.[1];
  if (interrupted !== undefined) return { problem: `pytest stopped before the tests ran: ${interrupted}` };
  const summary = [...text.matchAll(SUMMARY)]
    .map((match) => countsOf(match[1] ?? ''))
    .findLast((counts) => counts !== null);
  if (summary === undefined || summary === null)
    return NONE_RAN.test(text) ? { passed: 0, failed: 0, skipped: 0 } : null;
  const count = (...words: readonly string[]) => words.reduce((sum, word) => sum + (summary.get(word) ?? 0), 0);
  return {
    passed: count('passed', 'xpassed'),
    failed: count('failed', 'error', 'errors'),
    skipped: count('skipped', 'xfailed'),
  };
}

function countsOf(list: string): ReadonlyMap<string, number> | null {
  const counts = new Map<string, number>();
  for (const part of list.split(', ')) {
    const [number, word = ''] = part.split(' ');
    if (!WORDS.test(word)) return null;
    counts.set(word, Number(number));
  }
  return counts;
}
