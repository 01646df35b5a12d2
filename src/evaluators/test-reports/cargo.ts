/** `cargo test`: one `test result:` line per test program and for the documentation tests; they are added up. */
import type { ReportReading } from './types.js';

const RESULT =
  /^test result: (?:ok|FAILED)\. (\d+) passed; (\d+) failed; (\d+) ignored; \d+ measured; \d+ filtered out/gm;

export function parseCargo(text: string): ReportReading {
  let found = false;
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of text.matchAll(RESULT)) {
    found = true;
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  return found ? counts : null;
}
