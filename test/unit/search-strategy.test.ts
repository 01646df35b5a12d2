import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { parseDeclaration } from '../../src/propose/search/domain.js';
import { type Configuration, type Dimension, dimensionOf, keyOf, sizeOf } from '../../src/propose/search/space.js';
import { initialState, learn, type SearchState, suggest } from '../../src/propose/search/strategy.js';

type Objective = (values: Configuration) => number | null;

interface Problem {
  readonly space: readonly Dimension[];
  readonly start: Configuration;
  readonly objective: Objective;
}

function spaceOf(declarations: Record<string, string>): Dimension[] {
  return Object.entries(declarations).map(([name, text]) => dimensionOf(name, parseDeclaration(text, 'a:1').domain));
}

interface Step {
  readonly values: Configuration;
  readonly state: SearchState;
  readonly best: number;
}

/** Runs the search for `trials` trials without noise: better is kept, null is a crash. */
function search(problem: Problem, options: { seed: number; trials: number }): Step[] {
  const { space, objective } = problem;
  let current = problem.start;
  let best = objective(current) ?? Number.POSITIVE_INFINITY;
  let state = initialState(options.seed);
  const steps: Step[] = [];
  for (let trial = 0; trial < options.trials; trial += 1) {
    const suggestion = suggest(state, { space, current, currentMetric: best, direction: 'lower' });
    if (!suggestion) break;
    const metric = objective(suggestion.values);
    const verdict = metric === null ? 'crash' : metric < best ? 'keep' : 'discard';
    state = learn(state, suggestion, { verdict, metric });
    if (metric !== null && verdict === 'keep') {
      best = metric;
      current = suggestion.values;
    }
    steps.push({ values: suggestion.values, state, best });
  }
  return steps;
}

function randomSearch({ space, start, objective }: Problem, options: { seed: number; trials: number }): number {
  const random = new Random(options.seed);
  let best = objective(start) ?? Number.POSITIVE_INFINITY;
  for (let trial = 0; trial < options.trials; trial += 1) {
    const values = Object.fromEntries(space.map(({ name, levels }) => [name, random.pick(levels)]));
    best = Math.min(best, objective(values) ?? Number.POSITIVE_INFINITY);
  }
  return best;
}

const number = (values: Configuration, name: string) => Number(values[name]);
const octaves = (ratio: number) => Math.abs(Math.log2(ratio));

const BOWL: Problem = {
  space: spaceOf({ a: 'float -5..5', b: 'float -5..5', c: 'float -5..5' }),
  start: { a: -4, b: 4, c: -4 },
  objective: (v) => 1 + (number(v, 'a') - 2) ** 2 + (number(v, 'b') + 1) ** 2 + (number(v, 'c') - 3) ** 2,
};

const PROGRAM: Problem = {
  space: spaceOf({
    chunk: 'int 16..65536 log',
    method: 'choice list tree table',
    cache: 'bool',
    bits: 'int 6..22',
    buffer: 'int 10..10000 log',
  }),
  start: { chunk: 16, method: 'list', cache: false, bits: 20, buffer: 5000 },
  objective: (v) => {
    if (number(v, 'buffer') < 50 || number(v, 'bits') < 8) return null;
    const method = { list: 60, tree: 20, table: 5 }[String(v['method'])] ?? 0;
    const chunk = 3 * octaves(number(v, 'chunk') / 4096);
    return (
      10 +
      chunk +
      method +
      (v['cache'] ? 5 : 40) +
      2 * Math.abs(number(v, 'bits') - 15) +
      3 * octaves(number(v, 'buffer') / 400)
    );
  },
};

const VALLEY: Problem = {
  space: spaceOf({ x: 'float -2..2', y: 'float -1..3' }),
  start: { x: -1.5, y: -0.5 },
  objective: (v) => 1 + (1 - number(v, 'x')) ** 2 + 10 * (number(v, 'y') - number(v, 'x') ** 2) ** 2,
};

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

describe('the search', () => {
  it.each([
    ['bowl', BOWL],
    ['program with crashes', PROGRAM],
    ['curved valley', VALLEY],
  ])('%s: better than random after 20 and 50 trials', (_name, problem) => {
    for (const trials of [20, 50]) {
      const ours = SEEDS.map((seed) => search(problem, { seed, trials }).at(-1)?.best ?? Number.NaN);
      const random = SEEDS.map((seed) => randomSearch(problem, { seed, trials }));
      const won = SEEDS.filter((seed) => (ours[seed] ?? 0) <= (random[seed] ?? 0)).length;
      expect(won).toBeGreaterThanOrEqual(SEEDS.length * 0.6);
      expect(median(ours)).toBeLessThan(median(random));
    }
  });

  it('comes within a tenth of the optimum of a five-parameter program in 50 trials', () => {
    const reached = SEEDS.map((seed) => search(PROGRAM, { seed, trials: 50 }).at(-1)?.best ?? Number.NaN);
    expect(median(reached)).toBeLessThan(20 * 1.1);
  });

  it('maximises when higher is better', () => {
    const space = spaceOf({ x: 'int 0..100' });
    let state = initialState(3);
    let current: Configuration = { x: 5 };
    for (let trial = 0; trial < 40; trial += 1) {
      const question = { space, current, currentMetric: number(current, 'x'), direction: 'higher' } as const;
      const suggestion = suggest(state, question);
      if (!suggestion) break;
      const metric = number(suggestion.values, 'x');
      const verdict = metric > number(current, 'x') ? 'keep' : 'discard';
      state = learn(state, suggestion, { verdict, metric });
      if (verdict === 'keep') current = suggestion.values;
    }
    expect(number(current, 'x')).toBeGreaterThan(95);
  });

  it('never tries a configuration twice, and ends when every one was tried', () => {
    const declarations = fc.uniqueArray(fc.constantFrom('int 1..4', 'bool', 'choice a b c', 'float 0..1 step 0.5'), {
      minLength: 1,
    });
    fc.assert(
      fc.property(
        declarations,
        fc.nat(),
        fc.func(fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }))),
        (texts, seed, objective) => {
          const space = spaceOf(Object.fromEntries(texts.map((text, index) => [`p${index}`, text])));
          const start = Object.fromEntries(space.map(({ name, levels }) => [name, levels[0] ?? 0]));
          const steps = search({ space, start, objective }, { seed, trials: 200 });
          const keys = [start, ...steps.map(({ values }) => values)].map((values) => keyOf(space, values));
          expect(new Set(keys).size).toBe(keys.length);
          expect(keys.length).toBe(sizeOf(space));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is a function of its state: through JSON and back the same configurations follow', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 30 }), (seed, cut) => {
        const steps = search(PROGRAM, { seed, trials: cut });
        const again = search(PROGRAM, { seed, trials: cut });
        expect(again).toEqual(steps);
        const { state, values, best } = steps.at(-1) ?? { state: initialState(seed), values: PROGRAM.start, best: 0 };
        const question = { space: PROGRAM.space, current: values, currentMetric: best, direction: 'lower' } as const;
        expect(suggest(JSON.parse(JSON.stringify(state)), question)).toEqual(suggest(state, question));
      }),
      { numRuns: 30 },
    );
  });

  it('moves in longer steps after a keep and in shorter ones after discards', () => {
    const question = { space: BOWL.space, current: BOWL.start, currentMetric: 100, direction: 'lower' } as const;
    const fresh = { ...initialState(1), starts: 4 };
    const suggestion = suggest(fresh, question);
    if (!suggestion) throw new Error('nothing suggested');
    const local = { ...suggestion, origin: 'local' } as const;
    expect(learn(fresh, local, { verdict: 'keep', metric: 1 }).step).toBeGreaterThan(fresh.step);
    expect(learn(fresh, local, { verdict: 'discard', metric: 200 }).step).toBeLessThan(fresh.step);
    expect(learn(fresh, local, { verdict: 'crash', metric: null }).step).toBeLessThan(fresh.step);
  });

  it('goes on in the direction of a keep', () => {
    const space = spaceOf({ x: 'int 0..100' });
    const question = { space, current: { x: 50 }, currentMetric: 5, direction: 'lower' } as const;
    const state = { ...initialState(1), starts: 4, move: { from: { x: 40 }, to: { x: 50 } } };
    expect(suggest(state, question)).toMatchObject({ values: { x: 60 }, origin: 'move' });
  });

  it('leaves observations of other parameters out when a marker comes or goes', () => {
    const before = search(PROGRAM, { seed: 5, trials: 12 }).at(-1)?.state ?? initialState(5);
    const space = spaceOf({ only: 'bool' });
    const question = { space, current: { only: false }, currentMetric: 1, direction: 'lower' } as const;
    const suggestion = suggest(before, question);
    expect(suggestion?.values).toEqual({ only: true });
    if (!suggestion) return;
    expect(suggest(learn(before, suggestion, { verdict: 'discard', metric: 2 }), question)).toBeNull();
  });
});
