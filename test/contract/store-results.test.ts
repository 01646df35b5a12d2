import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linesToImport, ResultsMirror, resultsLine } from '../../src/store/results-tsv.js';
import type { TrialRow } from '../../src/store/rows.js';
import { temporaryFolder } from '../helpers/git.js';
import { temporaryStore, walk } from '../helpers/store.js';

const HEADER = 'commit\tmetric\tstatus\tdescription';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

function trials(): TrialRow[] {
  const opened = temporaryStore();
  return [
    walk(opened, { kind: 'baseline', outcome: 'measured', verdict: 'keep', metric: 12.5, commit: COMMIT }),
    walk(opened, { outcome: 'no_change' }),
    walk(opened, { outcome: 'crashed', verdict: 'crash', commit: COMMIT }),
    walk(opened, { outcome: 'measured', verdict: 'discard', metric: -0.1234567, commit: COMMIT }),
  ];
}

const LINES = ['0123456\t12.500000\tkeep\tx', '0123456\tN/A\tcrash\tx', '0123456\t-0.123457\tdiscard\tx'];
const TEXT = `${[HEADER, ...LINES].join('\n')}\n`;

function mirror(): { path: string; mirror: ResultsMirror; others: () => string[] } {
  const path = join(temporaryFolder(), 'results.tsv');
  const others = () => readdirSync(dirname(path)).filter((name) => name !== 'results.tsv');
  return { path, mirror: new ResultsMirror(path), others };
}

describe('results.tsv', () => {
  it('has the four columns of the original, and no line for what does not count', () => {
    expect(trials().map(resultsLine)).toEqual([LINES[0], null, LINES[1], LINES[2]]);
  });

  it('keeps a description on one line, without tabs and control characters', () => {
    const row = trials()[0];
    const line = row && resultsLine({ ...row, description: 'a\tb\nc\u001b[31mred\u0000' });
    expect(line?.split('\t')).toEqual(['0123456', '12.500000', 'keep', 'a b cred']);
  });

  it('is rebuilt from the store and grown line by line to the same bytes', () => {
    const rows = trials();
    const rebuilt = mirror();
    expect(rebuilt.mirror.rebuild([], rows, 0)).toBeNull();
    expect(readFileSync(rebuilt.path, 'utf8')).toBe(TEXT);
    const grown = mirror();
    grown.mirror.rebuild([], [], 0);
    for (const row of rows) {
      const line = resultsLine(row);
      if (line !== null) expect(grown.mirror.append(line)).toBe(true);
    }
    expect(readFileSync(grown.path, 'utf8')).toBe(TEXT);
    expect(grown.mirror.rebuild([], rows, 0)).toBeNull();
    expect([...grown.others(), ...rebuilt.others()]).toEqual([]);
  });

  it('is mended without a copy when a kill tore its last line, or took it', () => {
    const rows = trials();
    for (let length = 0; length <= TEXT.length; length += 5) {
      const { path, mirror: own, others } = mirror();
      writeFileSync(path, TEXT.slice(0, length));
      expect(own.rebuild([], rows, 0)).toBeNull();
      expect(readFileSync(path, 'utf8')).toBe(TEXT);
      expect(others()).toEqual([]);
    }
  });

  it('is renamed before it is rebuilt when somebody wrote into it', () => {
    const { path, mirror: own } = mirror();
    const edited = `${TEXT}my own remark\n`;
    writeFileSync(path, edited);
    const aside = own.rebuild([], trials(), Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(aside).toBe(`${path}.2026-01-02T03-04-05-000Z.bak`);
    expect(readFileSync(aside ?? '', 'utf8')).toBe(edited);
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
  });

  it('takes no line when it is not what was left, until it is rebuilt', () => {
    const { path, mirror: own } = mirror();
    own.rebuild([], [], 0);
    appendFileSync(path, 'x');
    expect(own.append('line')).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe(`${HEADER}\nx`);
    rmSync(path);
    expect(own.append('line')).toBe(false);
    expect(existsSync(path)).toBe(false);
    own.rebuild([], [], 0);
    expect(own.append('line')).toBe(true);
    expect(own.append('zweite Zeile: ü')).toBe(true);
    expect(own.append('third')).toBe(true);
  });

  it('takes no line before it was compared with the store, also when a loss of power left the file empty', () => {
    const { path, mirror: own, others } = mirror();
    writeFileSync(path, '');
    expect(own.append('line')).toBe(false);
    expect(own.rebuild([], trials(), 0)).toBeNull();
    expect(readFileSync(path, 'utf8')).toBe(TEXT);
    writeFileSync(path, `${TEXT.slice(0, 40)}${'\0'.repeat(25)}`);
    expect(own.rebuild([], trials(), 0)).toBeNull();
    expect([readFileSync(path, 'utf8'), others()]).toEqual([TEXT, []]);
  });

  const OLD = ['abc1234\t1.5\tkeep\tbaseline', 'def5678\t0.000000\tcrash\told: a  b'];
  it.each([
    ['with header', `${HEADER}\n${OLD.join('\n')}\n`],
    ['without header', `${OLD.join('\n')}\n`],
    ['without a last line end', OLD.join('\n')],
    ['with CRLF', `${HEADER}\r\n${OLD.join('\r\n')}\r\n`],
    ['with a BOM', `\ufeff${HEADER}\n${OLD.join('\n')}\n`],
    ['with a BOM, no header, CRLF and blank lines', `\ufeff${OLD.join('\r\n\r\n')}\r\n\r\n`],
  ])('takes the lines of an original file %s verbatim, once, and needs no copy of it', (_, text) => {
    const { path, mirror: own, others } = mirror();
    writeFileSync(path, text);
    const lines = linesToImport(path);
    expect(lines).toEqual(OLD);
    expect(own.rebuild(lines, trials(), 0)).toBeNull();
    expect(readFileSync(path, 'utf8')).toBe(`${[HEADER, ...OLD, ...LINES].join('\n')}\n`);
    expect(others()).toEqual([]);
    expect(own.rebuild(lines, trials(), 0)).toBeNull();
  });

  it('has nothing to import where there is no file, or only a header', () => {
    const { path } = mirror();
    expect(linesToImport(path)).toEqual([]);
    writeFileSync(path, `${HEADER}\r\n`);
    expect(linesToImport(path)).toEqual([]);
  });

  it('renames a file that differs from what was imported', () => {
    const { path, mirror: own } = mirror();
    const found = [`${OLD[0]}\n`, `${OLD[1]}\n${OLD[0]}\n`, `${OLD.join('\n')}\nmine\n`];
    for (const [now, text] of found.entries()) {
      writeFileSync(path, text);
      expect(readFileSync(own.rebuild(OLD, [], now) ?? '', 'utf8')).toBe(text);
    }
  });
});
