/**
 * JUnit XML, the format nearly every test runner can write. Test cases are counted, not the totals in attributes: those
 * are optional, and nested suites repeat them.
 */
import type { ReportReading } from './types.js';
import { walkXml, type XmlElement, XmlProblem } from './xml.js';

type TestState = 'passed' | 'failed' | 'skipped';

export function parseJunit(text: string): ReportReading {
  if (!/^\uFEFF?\s*</.test(text)) return null;
  const tally = new Tally();
  try {
    walkXml(text, tally);
  } catch (error) {
    if (!(error instanceof XmlProblem)) throw error;
    return { problem: `not a complete JUnit XML report: ${error.message}` };
  }
  if (!tally.isJunit)
    return { problem: 'XML, but not a JUnit report: its root is neither <testsuites> nor <testsuite>' };
  return { passed: tally.passed, failed: tally.failed, skipped: tally.skipped };
}

class Tally {
  isJunit = false;
  passed = 0;
  failed = 0;
  skipped = 0;
  #path: string[] = [];
  #state: TestState = 'passed';

  open({ name, attributes }: XmlElement): void {
    const parent = this.#path.at(-1);
    if (parent === undefined) this.isJunit = name === 'testsuites' || name === 'testsuite';
    // GoogleTest marks a disabled test only by this attribute.
    if (name === 'testcase') this.#state = attributes.get('status') === 'notrun' ? 'skipped' : 'passed';
    if (parent === 'testcase') {
      if (name === 'failure' || name === 'error') this.#state = 'failed';
      else if (name === 'skipped' && this.#state === 'passed') this.#state = 'skipped';
    }
    this.#path.push(name);
  }

  close(name: string): void {
    this.#path.pop();
    if (name === 'testcase') this[this.#state] += 1;
  }
}
