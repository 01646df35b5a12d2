/**
 * Noise as real metrics have it, on the log scale and seeded: each shape makes a stream that knows its own past, so that
 * drift, level shifts and autocorrelation run through a whole simulated experiment.
 */
import { readFileSync } from 'node:fs';
import type { Random } from '../../src/core/random.js';

export interface NoiseStream {
  /** What one evaluation prints for code whose true value is exp(`truth`). */
  measure(truth: number): number;
}

export type NoiseShape = (random: Random, sd: number) => NoiseStream;

/** Standard normal. Method: Box and Muller. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

const additive =
  (start: (random: Random, sd: number) => () => number): NoiseShape =>
  (random, sd) => {
    const noise = start(random, sd);
    return { measure: (truth) => Math.exp(truth + noise()) };
  };

const studentThree = (random: Random) => {
  const [a, b, c] = [normal(random), normal(random), normal(random)];
  return normal(random) / Math.sqrt((a * a + b * b + c * c) / 3);
};

const LOGNORMAL_SPREAD = 0.8;
const lognormalMean = Math.exp(LOGNORMAL_SPREAD ** 2 / 2);
const lognormalSd = lognormalMean * Math.sqrt(Math.exp(LOGNORMAL_SPREAD ** 2) - 1);

export const RECORDED: readonly number[] = JSON.parse(
  readFileSync(new URL('recorded-noise.json', import.meta.url), 'utf8'),
);

/** Values printed on a grid of `step` standard deviations. */
const quantised =
  (step: number): NoiseShape =>
  (random, sd) => ({
    measure: (truth) => Math.max(1, Math.round(Math.exp(truth + sd * normal(random)) / (step * sd))) * step * sd,
  });

export const SHAPES = {
  none: additive(() => () => 0),
  normal: additive((random, sd) => () => sd * normal(random)),
  'log-normal': additive(
    (random, sd) => () => (sd * (Math.exp(LOGNORMAL_SPREAD * normal(random)) - lognormalMean)) / lognormalSd,
  ),
  'heavy tails (t3)': additive((random, sd) => () => (sd * studentThree(random)) / Math.sqrt(3)),
  drift: additive((random, sd) => {
    let evaluations = Math.floor(random.next() * 600);
    return () => {
      evaluations += 1;
      return sd * (normal(random) + 2 * Math.sin((2 * Math.PI * evaluations) / 600) + evaluations / 500);
    };
  }),
  'level shift': additive((random, sd) => {
    let level = 0;
    return () => {
      if (random.next() < 0.01) level = 2 * sd * normal(random);
      return level + sd * normal(random);
    };
  }),
  autocorrelated: additive((random, sd) => {
    let state = normal(random);
    return () => {
      state = 0.7 * state + Math.sqrt(1 - 0.49) * normal(random);
      return sd * state;
    };
  }),
  bimodal: additive((random, sd) => () => sd * ((random.next() < 0.25 ? 2.2 : 0) + 0.3 * normal(random))),
  'bimodal, sticky': additive((random, sd) => {
    let slow = false;
    return () => {
      if (random.next() < (slow ? 0.3 : 0.1)) slow = !slow;
      return sd * ((slow ? 2.2 : 0) + 0.3 * normal(random));
    };
  }),
  quantised: quantised(1.5),
  'quantised, coarse': quantised(4),
  recorded: additive((random, _sd) => {
    let position = random.below(RECORDED.length);
    return () => {
      position = (position + 1) % RECORDED.length;
      return Math.log(RECORDED[position] ?? 1);
    };
  }),
} satisfies Record<string, NoiseShape>;

export type ShapeName = keyof typeof SHAPES;
