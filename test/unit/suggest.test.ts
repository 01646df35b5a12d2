import { describe, expect, it } from 'vitest';
import { suggest } from '../../src/core/suggest.js';

const KEYS = ['target', 'metric', 'metric_grep', 'gate', 'limits', 'x'];

describe('suggest', () => {
  it.each([
    ['metrc', 'metric'],
    ['Metric', 'metric'],
    ['gaet', 'gate'],
    ['metric_grpe', 'metric_grep'],
    ['limit', 'limits'],
    ['y', 'x'],
    ['wholly-different', null],
    ['', null],
    ['m'.repeat(100_000), null],
  ])('for %s is %s', (word, expected) => {
    expect(suggest(word, KEYS)).toBe(expected);
  });

  it('prefers the nearest, and the first of equally near ones', () => {
    expect(suggest('cart', ['care', 'card', 'carts', 'cart'])).toBe('cart');
    expect(suggest('carz', ['care', 'card'])).toBe('care');
    expect(suggest('a', [])).toBeNull();
  });
});
