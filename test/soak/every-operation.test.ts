import { afterAll, describe, expect, it } from 'vitest';
import {
  Battery,
  CHECKOUT,
  type Fault,
  FULL,
  failuresOf,
  gitCases,
  MANUAL,
  type Scenario,
  seedOf,
  spread,
  WORKTREE,
  writeCases,
} from '../helpers/faults.js';

const SEED = seedOf(Math.floor(Math.random() * 1000));
/** FAULT_SHARE=1 plays every single case; the default is a sample that another seed moves. */
const SHARE = Number(process.env['FAULT_SHARE'] ?? 0.02);
const LIMIT_MS = 24 * 3_600_000;
const battery = new Battery();
afterAll(() => battery.remove());

const GIT = ['kill-before', 'kill-after', 'fail-before', 'fail-after'] as const;
const WRITES: readonly Omit<Extract<Fault, { write: string }>, 'at'>[] = [
  { write: 'kill', programs: 'node' },
  { write: 'tear', programs: 'node' },
  { write: 'kill', programs: 'node,git' },
  { write: 'tear', programs: 'node,git' },
  { write: 'ENOSPC', programs: 'node' },
  { write: 'ENOSPC', programs: 'node,git', onwards: true },
  { write: 'EIO', programs: 'node' },
  { write: 'EIO', programs: 'node,git' },
];

/** The batteries of the everyday tests, without leaving out. */
describe(`every operation (FAULT_SEED=${SEED} FAULT_SHARE=${SHARE})`, () => {
  for (const scenario of [WORKTREE, CHECKOUT, MANUAL, FULL] satisfies Scenario[]) {
    it.each(GIT)(
      `of git: ${scenario.name}, %s`,
      async (what) => {
        const cases = await gitCases(battery, scenario, what);
        const chosen = spread(cases, Math.ceil(cases.length * SHARE), SEED);
        expect(await failuresOf(battery, scenario, chosen)).toEqual([]);
      },
      LIMIT_MS,
    );

    it.each(WRITES)(
      `that writes: ${scenario.name}, $write in $programs`,
      async (fault) => {
        const cases = await writeCases(battery, scenario, fault);
        const chosen = spread(cases, Math.ceil(cases.length * SHARE), SEED);
        expect(await failuresOf(battery, scenario, chosen)).toEqual([]);
      },
      LIMIT_MS,
    );
  }

  it(
    'of a restart, killed like the run before it',
    async () => {
      const first = await gitCases(battery, WORKTREE, 'kill-before');
      const second = await gitCases(battery, WORKTREE, 'kill-after');
      const pairs = first.flatMap(({ step, faults }) =>
        second.slice(0, 40).map((other) => ({ step, faults: [...faults, ...other.faults] })),
      );
      const chosen = spread(pairs, Math.ceil(pairs.length * SHARE * 0.2), SEED);
      expect(await failuresOf(battery, WORKTREE, chosen)).toEqual([]);
    },
    LIMIT_MS,
  );
});
