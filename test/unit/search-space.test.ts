import { describe, expect, it } from 'vitest';
import { parseDeclaration } from '../../src/propose/search/domain.js';
import { type Dimension, dimensionOf, levelAt, sizeOf } from '../../src/propose/search/space.js';

function dimension(declaration: string): Dimension {
  return dimensionOf('p', parseDeclaration(declaration, 'a:1').domain);
}

describe('levels of a parameter', () => {
  it.each([
    ['int 1..5', [1, 2, 3, 4, 5]],
    ['int 4..20 step 8', [4, 12, 20]],
    ['int 4..21 step 8', [4, 12, 20]],
    ['float 0..1 step 0.25', [0, 0.25, 0.5, 0.75, 1]],
    ['int 1..10 log', [1, 2, 3, 4, 5, 6, 7, 8, 10]],
    ['bool', [false, true]],
    ['choice b a c', ['b', 'a', 'c']],
  ])('%s', (declaration, levels) => {
    expect(dimension(declaration).levels).toEqual(levels);
  });

  it('a logarithmic range between powers of two holds every power of two', () => {
    const { levels } = dimension('int 16..4096 log');
    expect(levels).toHaveLength(33);
    for (let power = 16; power <= 4096; power *= 2) expect(levels).toContain(power);
  });

  it.each(['float 0..1', 'float -3..17.3', 'float 1e-6..1 log', 'int 1..1000000', 'int 3..77777 log', 'int -500..500'])(
    '%s: a bounded, rising ladder from bound to bound',
    (declaration) => {
      const { domain } = parseDeclaration(declaration, 'a:1');
      const { levels } = dimension(declaration);
      expect(levels.length).toBeLessThanOrEqual(1002);
      expect(levels.length).toBeGreaterThan(20);
      expect([...levels].sort((a, b) => Number(a) - Number(b))).toEqual(levels);
      if (domain.kind !== 'int' && domain.kind !== 'float') throw new Error('not a number');
      expect([levels[0], levels.at(-1)]).toEqual([domain.low, domain.high]);
      if (domain.kind === 'int') expect(levels.every(Number.isSafeInteger)).toBe(true);
    },
  );

  it('every level is found again at its own position', () => {
    for (const declaration of ['int 16..4096 log', 'float 0..1', 'float 1e-6..1 log', 'int 4..21 step 8']) {
      const found = dimension(declaration);
      for (const level of found.levels) expect(levelAt(found, found.position(level))).toBe(level);
    }
  });

  it('the size of a space is the product of its levels', () => {
    expect(sizeOf([dimension('int 1..5'), dimension('bool'), dimension('choice a b c')])).toBe(30);
  });
});
