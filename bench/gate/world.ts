/**
 * A simulated experiment: code whose true value is known, a metric that shows it through noise, and a count of what was
 * spent. Truths are natural logarithms of a metric that is better when lower; the baseline's is 0.
 */
import type { Side } from '../../src/gate/types.js';
import type { NoiseStream } from './noise-shapes.js';

export class World {
  evaluations = 0;
  readonly #truth = { incumbent: 0, candidate: 0 };
  readonly #noise: NoiseStream;

  constructor(noise: NoiseStream) {
    this.#noise = noise;
  }

  /** Log of the incumbent's true value: negative is a gain. */
  get truth(): number {
    return this.#truth.incumbent;
  }

  propose(effect: number): void {
    this.#truth.candidate = this.#truth.incumbent + effect;
  }

  keep(): void {
    this.#truth.incumbent = this.#truth.candidate;
  }

  measure(side: Side): number {
    return this.measureTruth(this.#truth[side]);
  }

  measureTruth(truth: number): number {
    this.evaluations += 1;
    return this.#noise.measure(truth);
  }
}

/** A keep rule at work on one world. */
export interface RuleRun {
  /** Measures and judges the proposed candidate; the caller moves the incumbent. */
  judge(): boolean;
  /** The gain over the baseline that a user of the rule would report, as a difference of logarithms. */
  claimed(): number;
  /** How often the rule found that the machine had changed its level. */
  readonly epochs?: number;
}

export interface Rule {
  readonly name: string;
  start(world: World, seed: number): RuleRun;
}
