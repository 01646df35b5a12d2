import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { metricFormatter, metricText, metricTexts, percentText } from '../../src/dashboard/metric-text.js';

describe('values of one table', () => {
  it('have the same number of decimals', () => {
    const format = metricFormatter('p50_ms', [14.02, 12.3, 13]);
    expect([14.02, 12.3, 13, -1.5].map(format)).toEqual(['14.020 ms', '12.300 ms', '13.000 ms', '-1.500 ms']);
  });

  it('have more where one follows another that would look the same', () => {
    const format = metricFormatter('p50_ms', [119.193], [119.19304, 119.19301, 88]);
    expect([119.19304, 119.19301, 88].map(format)).toEqual(['119.19304 ms', '119.19301 ms', '88.00000 ms']);
    const tiny = metricFormatter('loss', [2.00000004e-7], [2.00000004e-7, 2.00000003e-7]);
    expect([2.00000004e-7, 2.00000003e-7].map(tiny)).toEqual(['2.00000004e-7', '2.00000003e-7']);
    expect(metricTexts('p50_ms', [119.19304, null, 119.19301])).toEqual(['119.19304 ms', '-', '119.19301 ms']);
  });

  it('stay whole numbers where all are', () => {
    expect([1_234_567, 99].map(metricFormatter('size_bytes', [1_234_567, 99]))).toEqual(['1234567 bytes', '99 bytes']);
  });

  it('show a value that the common decimals would round away', () => {
    const format = metricFormatter('score', [14.02, 12.3]);
    expect(format(0.0000123)).toBe('0.0000123');
    expect(format(-4e-8)).toBe('-4e-8');
    expect(format(0)).toBe('0.000');
  });

  it('never show a number as another one: two digits of it are right at least', () => {
    const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(finite, { maxLength: 5 }), finite, (sample, value) => {
        const shown = Number(metricFormatter('score', sample)(value));
        expect(Math.abs(shown - value)).toBeLessThanOrEqual(Math.abs(value) * 0.006);
      }),
    );
  });

  it('are a dash where nothing was measured', () => {
    expect(metricText('p50_ms', null)).toBe('-');
    expect(metricText('p50_ms', 0.25)).toBe('0.25 ms');
  });
});

describe('a change', () => {
  it('is shortened when it is absurd', () => {
    expect(percentText(-3.21)).toBe('-3.2 %');
    expect(percentText(1e300)).toBe('+1.0e+300 %');
    expect(percentText(-2.5e7)).toBe('-2.5e+7 %');
    expect(percentText(null)).toBe('n/a');
  });
});
