/**
 * Metric values of one table with the same number of decimals, so that columns of numbers can be compared by eye. Full
 * precision is for CSV and JSON.
 */
import { oneLine } from '../core/text.js';
import { formatMetric, formatPercent, formatValue, unitOfMetric } from '../core/units.js';

const SIGNIFICANT_DIGITS = 5;
const MAX_DECIMALS = 9;

/** Formats values like those of `sample`: five significant digits of its median, more where that would hide a value. */
export function metricFormatter(metric: string, sample: readonly number[]): (value: number) => string {
  const sizes = sample.map(Math.abs).sort((a, b) => a - b);
  const typical = sizes[Math.floor(sizes.length / 2)] ?? 0;
  const wholeNumbers = sample.every(Number.isInteger);
  if (typical === 0 || typical < 1e-6 || typical >= 1e12) return (value) => printable(formatMetric(metric, value));
  const digitsBefore = Math.floor(Math.log10(typical)) + 1;
  const decimals = Math.min(MAX_DECIMALS, Math.max(0, SIGNIFICANT_DIGITS - digitsBefore));
  const unit = unitOfMetric(metric);
  return (value) => {
    const text = wholeNumbers && Number.isInteger(value) ? formatValue(value) : fixed(value, decimals);
    return printable(unit ? `${text} ${unit}` : text);
  };
}

/** One value on its own. */
export function metricText(metric: string, value: number | null): string {
  return value === null ? '-' : printable(formatMetric(metric, value));
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
