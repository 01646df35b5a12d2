/**
 * Test Anything Protocol, versions 12 to 14: the points at top level, held against the plan. By the specification a
 * subtest is part of the point that follows it and does not count by itself.
 */
import type { ReportReading } from './types.js';

const POINT = /^(not )?ok\b(?:\s+\d+)?(.*)$/;
const PLAN = /^1\.\.(\d+)\s*(?:#.*)?$/;
const DIRECTIVE = /(?:^|[^\\])#\s*(skip|todo)/i;

/** Points that the plan promised and that never came count as failed: the program died on its way. */
export function parseTap(text: string): ReportReading {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  let planned: number | null = null;
  for (const line of text.split('\n')) {
    if (/^Bail out!/.test(line)) return { problem: `the TAP report was given up: ${line}` };
    const plan = PLAN.exec(line);
    if (plan !== null) planned = (planned ?? 0) + Number(plan[1]);
    const point = POINT.exec(line);
    if (point === null) continue;
    if (/\{\s*$/.test(line)) return { problem: 'the TAP report nests tests in braces: use a flat reporter (tap-flat)' };
    const isOk = point[1] === undefined;
    const directive = DIRECTIVE.exec(point[2] ?? '')?.[1]?.toLowerCase();
    if (directive === 'skip' || (directive === 'todo' && !isOk)) skipped += 1;
    else if (isOk) passed += 1;
    else failed += 1;
  }
  const seen = passed + failed + skipped;
  if (planned === null) {
    const isTap = /^TAP version \d+$/m.test(text);
    return isTap ? { problem: 'the TAP report has no plan (1..N): it is incomplete' } : null;
  }
  if (seen > planned) return { problem: `the TAP report has ${seen} tests where its plan says ${planned}` };
  return { passed, failed: failed + planned - seen, skipped };
}
