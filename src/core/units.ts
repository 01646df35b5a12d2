/** Numbers for people: durations, sizes, metric values and changes, each with its unit. */
export const MS_PER_MINUTE = 60_000;

/** `0.8 s`, `41 s`, `12 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const total = Math.round(seconds);
  if (total < 3600) return `${Math.floor(total / 60)} min${total % 60 ? ` ${total % 60} s` : ''}`;
  const minutes = Math.floor(total / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

const SIZES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < SIZES.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${SIZES[unit]}`;
}

/** `$0.42`, `$0.0031`, `$12.30`. */
export function formatUsd(usd: number): string {
  return `$${usd >= 0.01 || usd === 0 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}

const FEWEST_DIGITS = 6;
/** So many tell any two numbers apart. */
const MOST_DIGITS = 17;

/** A metric value for reading: up to six significant digits, no exponent between 1e-6 and 1e15, never rounded to 0. */
export function formatValue(value: number, digits = FEWEST_DIGITS): string {
  if (value === 0) return '0';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const size = Math.abs(value);
  if (size < 1e-6 || size >= 1e15) return value.toExponential(digits - 1).replace(/\.?0+e/, 'e');
  return String(Number(value.toPrecision(digits)));
}

/** How many significant digits values need that stand side by side, so that no two different ones look the same. */
export function digitsApart(values: readonly number[]): number {
  const different = new Set(values).size;
  let digits = FEWEST_DIGITS;
  while (digits < MOST_DIGITS && new Set(values.map((value) => formatValue(value, digits))).size < different) {
    digits += 1;
  }
  return digits;
}

/** `-12.5 %`, `+0.3 %`, `-0.004 %`, `±0 %` for no change at all, or `n/a` where there is no percentage. */
export function formatPercent(percent: number | null): string {
  if (percent === null) return 'n/a';
  if (Math.abs(percent) >= 1e6) return `${percent > 0 ? '+' : ''}${percent.toExponential(1)} %`;
  const rounded = Math.abs(percent) >= 100 ? percent.toFixed(0) : percent.toFixed(1);
  if (percent === 0) return '±0 %';
  return `${percent > 0 ? '+' : ''}${Number(rounded) === 0 ? small(percent) : rounded} %`;
}

function small(percent: number): string {
  return Math.abs(percent) < 0.0005 ? percent.toExponential(0) : percent.toFixed(Math.abs(percent) < 0.005 ? 3 : 2);
}

/** `p50_ms` is in ms, `size_bytes` in bytes, `pass_rate` in none: the unit that the metric's own name carries. */
export function unitOfMetric(metric: string): string {
  const last = metric.split('_').at(-1)?.toLowerCase() ?? '';
  return Object.hasOwn(METRIC_UNITS, last) ? (METRIC_UNITS[last] ?? '') : '';
}

const METRIC_UNITS: Readonly<Record<string, string>> = {
  ns: 'ns',
  us: 'µs',
  ms: 'ms',
  s: 's',
  sec: 's',
  seconds: 's',
  minutes: 'min',
  bytes: 'bytes',
  kb: 'kB',
  mb: 'MB',
  gb: 'GB',
  percent: '%',
  pct: '%',
};

export function formatMetric(metric: string, value: number, digits = FEWEST_DIGITS): string {
  const unit = unitOfMetric(metric);
  const text = formatValue(value, digits);
  return unit ? `${text} ${unit}` : text;
}
