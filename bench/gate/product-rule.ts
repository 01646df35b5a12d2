/** The product's own gates under simulation: the very code that judges trials, fed as the loop feeds it. */
import { shiftOf } from '../../src/gate/drift.js';
import { type IncumbentRun, neighbours } from '../../src/gate/noise.js';
import type { Comparison, Evidence, Gate, Level } from '../../src/gate/types.js';
import type { Rule, RuleRun, World } from './world.js';

const BASELINE_RUNS = 2;
const NOISY_BASELINE_RUNS = 6;
const MOST_RUNS = 60;
const MOST_VALUES = 8;

export interface ProductRule {
  readonly name: string;
  readonly gate: Gate;
  readonly level: Level;
}

export function productRule({ name, gate, level }: ProductRule): Rule {
  return { name, start: (world, seed) => new GateRule(world, { gate, level, seed }) };
}

class GateRule implements RuleRun {
  readonly #world: World;
  readonly #options: Omit<ProductRule, 'name'> & { readonly seed: number };
  #runs: IncumbentRun[] = [];
  #values: number[] = [];
  #neighbours: number[][] | null = null;
  #code = 0;
  #trials = 0;
  #noisy = false;
  epochs = 0;
  readonly #baseline: number;
  #metric: number;

  constructor(world: World, options: Omit<ProductRule, 'name'> & { readonly seed: number }) {
    this.#world = world;
    this.#options = options;
    while (this.#values.length < (this.#noisy ? NOISY_BASELINE_RUNS : BASELINE_RUNS)) this.#incumbent();
    this.#baseline = middle(this.#values);
    this.#metric = this.#baseline;
  }

  judge(): boolean {
    this.#trials += 1;
    const comparison = this.#comparison();
    const run = this.#options.gate.open(comparison);
    const evidence = { candidate: [] as number[], incumbent: [] as number[] } satisfies Evidence;
    for (;;) {
      const step = run.next(evidence);
      if (step.kind === 'verdict') {
        if (shiftOf(comparison, evidence.incumbent) !== null) {
          this.epochs += 1;
          this.#values = evidence.incumbent.toReversed().slice(0, MOST_VALUES);
        }
        if (step.verdict === 'discard') return false;
        this.#code += 1;
        this.#values = evidence.candidate.slice(-MOST_VALUES).reverse();
        this.#metric = step.metric;
        return true;
      }
      for (const side of step.sides) {
        const value = side === 'incumbent' ? this.#incumbent() : this.#world.measure('candidate');
        evidence[side].push(value);
        if (evidence.candidate.some((other) => other !== evidence.candidate[0])) this.#noisy = true;
      }
    }
  }

  claimed(): number {
    return Math.log(this.#metric / this.#baseline);
  }

  #incumbent(): number {
    const value = this.#world.measure('incumbent');
    if (this.#values.length > 0 && this.#values[0] !== value) this.#noisy = true;
    this.#values = [value, ...this.#values].slice(0, MOST_VALUES);
    this.#neighbours = null;
    this.#runs.push({ value, code: String(this.#code), position: this.#world.evaluations });
    if (this.#runs.length > 2 * MOST_RUNS) this.#runs = this.#runs.slice(-MOST_RUNS);
    return value;
  }

  #comparison(): Comparison {
    const { level, seed } = this.#options;
    if (this.#noisy) this.#neighbours ??= neighbours(this.#runs.slice(-MOST_RUNS));
    const last = this.#runs.at(-1)?.position ?? 0;
    return {
      ...{ metric: 'simulated_ms', direction: 'lower', minEffect: null, tie: 'discard', netLinesRemoved: 0 },
      incumbentValues: this.#values,
      noisy: this.#noisy,
      sampling: {
        neighbours: this.#neighbours ?? [],
        evaluationsSinceIncumbent: this.#world.evaluations - last,
        seed: (seed + this.#trials) >>> 0,
        level,
      },
    };
  }
}

function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 1;
}
