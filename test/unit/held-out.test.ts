import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Holdout } from '../../src/config/keep-conditions.js';
import { passesHoldout, withoutHeldOut, worstAllowed } from '../../src/evaluate/held-out.js';

const HOLDOUT: Holdout = {
  metric: 'val.loss',
  command: null,
  direction: 'lower',
  maxRegression: { kind: 'absolute', amount: 0 },
  when: 'keeps',
};
const strip = (text: string, isCut = false) => withoutHeldOut({ text, isCut }, HOLDOUT, 'loss');

describe('text for proposers', () => {
  it.each([
    'val.loss: 1',
    '  val.loss = 1',
    '"val.loss": 1,',
    "{'val.loss' : 1}",
    'epoch 3 val.loss=1 loss=2',
    'val.loss:1\rval.loss: 2',
  ])('loses the line %j', (line) => {
    expect(strip(`before\n${line}\nafter`)).toBe('before\nafter');
  });

  it.each(['loss: 1', 'xval.loss: 1', 'my-val.loss: 1', 'valxloss: 1', 'the val.loss is what counts'])(
    'keeps the line %j',
    (line) => {
      expect(strip(`before\n${line}\nafter`)).toBe(`before\n${line}\nafter`);
    },
  );

  it('that was cut off loses its first line: it may be the half with the value', () => {
    expect(strip('l.loss: 0.123\nafter', true)).toBe('after');
    expect(strip('0.123', true)).toBe('');
  });

  it('stays as it is where nothing is held out, or a command of its own shares the name', () => {
    expect(withoutHeldOut({ text: 'a: 1', isCut: true }, null, 'loss')).toBe('a: 1');
    expect(
      withoutHeldOut({ text: 'loss: 1', isCut: false }, { ...HOLDOUT, metric: 'loss', command: 'x' }, 'loss'),
    ).toBe('loss: 1');
  });

  it('never holds the line, wherever it stands and whatever is around it', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), fc.boolean(), (before, after, isCut) => {
        const text = strip([...before, 'val.loss: 91234567', ...after].join('\n'), isCut);
        expect(text).not.toContain('91234567');
      }),
    );
  });
});

describe('the no-regression rule', () => {
  it('allows exactly as much as max_regression, in either direction and below zero', () => {
    const rule = (direction: Holdout['direction'], percent: number): Holdout => ({
      ...HOLDOUT,
      direction,
      maxRegression: { kind: 'percent', percent },
    });
    fc.assert(
      fc.property(fc.integer({ min: -1000, max: 1000 }), fc.integer({ min: 0, max: 50 }), (incumbent, percent) => {
        for (const direction of ['lower', 'higher'] as const) {
          const holdout = rule(direction, percent);
          const worst = worstAllowed(holdout, incumbent);
          const worse = direction === 'lower' ? worst + 1 : worst - 1;
          expect(passesHoldout(holdout, { candidate: worst, incumbent })).toBe(true);
          expect(passesHoldout(holdout, { candidate: incumbent, incumbent })).toBe(true);
          expect(passesHoldout(holdout, { candidate: worse, incumbent })).toBe(false);
        }
      }),
    );
  });
});
