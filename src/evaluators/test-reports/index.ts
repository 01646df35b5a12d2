/** Which formats of test reports are read, and which one a text is in. Pure. */
import { plainLines } from '../../core/text.js';
import { parseCargo } from './cargo.js';
import { parseGo } from './go.js';
import { parseJest, parseVitest } from './jest-vitest.js';
import { parseJunit } from './junit.js';
import { parseNode } from './node.js';
import { parsePytest } from './pytest.js';
import { parseTap } from './tap.js';
import type { ReportParser, ReportReading } from './types.js';

const PARSERS = {
  pytest: parsePytest,
  vitest: parseVitest,
  jest: parseJest,
  node: parseNode,
  go: parseGo,
  cargo: parseCargo,
  tap: parseTap,
  junit: parseJunit,
} as const satisfies Readonly<Record<string, ReportParser>>;

type NamedFormat = keyof typeof PARSERS;
export type TestFormat = 'auto' | NamedFormat;

export const TEST_FORMATS: readonly TestFormat[] = ['auto', ...(Object.keys(PARSERS) as NamedFormat[])];

/** Null when the text is in none of the formats asked for. With `auto` two formats at once are a problem, not a guess. */
export function readTestReport(text: string, format: TestFormat): ReportReading {
  const plain = plainLines(text);
  if (format !== 'auto') return PARSERS[format](plain);
  const found = (Object.keys(PARSERS) as NamedFormat[])
    .map((name) => ({ name, reading: PARSERS[name](plain) }))
    .filter(({ reading }) => reading !== null);
  const distinct = found.filter(
    ({ name }) =>
      !isContained(
        name,
        found.map((other) => other.name),
      ),
  );
  if (distinct.length > 1) {
    const names = distinct.map(({ name }) => name).join(' and ');
    return { problem: `the output looks like ${names} at once: name one with --format` };
  }
  return distinct[0]?.reading ?? null;
}

/** node's TAP reporter is TAP too, and the JSON report of Jest and Vitest is the same. */
function isContained(name: NamedFormat, found: readonly NamedFormat[]): boolean {
  return (name === 'tap' && found.includes('node')) || (name === 'jest' && found.includes('vitest'));
}
