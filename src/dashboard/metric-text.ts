/**
 * Metric values of one table with the same number of decimals, so that columns of numbers can be compared by eye. Full
 * precision is for CSV and JSON.
 */
import { oneLine } from '../core/text.js';
import { digitsApart, formatMetric, formatPercent, formatValue, unitOfMetric } from '../core/units.js';

const SIGNIFICANT_DIGITS = 5;
const MAX_DECIMALS = 9;

/**
 * Formats values like those of `sample`: five significant digits of its median, more where that would hide a value, or
 * the difference between two neighbours of `course`.
 */
export function metricFormatter(
  metric: string,
  sample: readonly number[],
  course: readonly number[] = [],
): (value: number) => string {
  const sizes = sample.map(Math.abs).sort((a, b) => a - b);
  const typical = sizes[Math.floor(sizes.length / 2)] ?? 0;
  const wholeNumbers = sample.every(Number.isInteger);
  if (typical === 0 || typical < 1e-6 || typical >= 1e12) {
    const digits = digitsApart(course);
    return (value) => printable(formatMetric(metric, value, digits));
  }
  const digitsBefore = Math.floor(Math.log10(typical)) + 1;
  let decimals = Math.min(MAX_DECIMALS, Math.max(0, SIGNIFICANT_DIGITS - digitsBefore));
  while (decimals < MAX_DECIMALS && hidesStep(course, decimals)) decimals += 1;
  const unit = unitOfMetric(metric);
  return (value) => {
    const text = wholeNumbers && Number.isInteger(value) ? formatValue(value) : fixed(value, decimals);
    return printable(unit ? `${text} ${unit}` : text);
  };
}

function hidesStep(course: readonly number[], decimals: number): boolean {
  return course.some((value, index) => {
    const before = course[index - 1] ?? value;
    return value !== before && fixed(value, decimals) === fixed(before, decimals);
  });
}

/** One value on its own. */
export function metricText(metric: string, value: number | null, digits?: number): string {
  return value === null ? '-' : printable(formatMetric(metric, value, digits));
}

/** Values that stand side by side: with as many digits as tell them apart. */
export function metricTexts<T extends readonly (number | null)[]>(
  metric: string,
  values: T,
): { readonly [K in keyof T]: string } {
  const digits = digitsApart(values.filter((value) => value !== null));
  const texts = values.map((value) => metricText(metric, value, digits));
  return texts as { [K in keyof T]: string };
}

/** A change in percent; a number too absurd to read in full is shortened. */
export function percentText(percent: number | null): string {
  if (percent === null || Math.abs(percent) < 1e6) return formatPercent(percent);
  return `${percent > 0 ? '+' : ''}${percent.toExponential(1)} %`;
}

function fixed(value: number, decimals: number): string {
  const size = Math.abs(value);
  const loses = value !== 0 && size < 10 ** (2 - decimals);
  return loses || size >= 1e12 ? formatValue(value) : value.toFixed(decimals);
}

function printable(text: string): string {
  return oneLine(text, 60);
}
