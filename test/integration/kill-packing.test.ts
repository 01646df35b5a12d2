import { cpSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { Battery } from '../helpers/faults.js';
import { type TemporaryRepository, temporaryRepository } from '../helpers/git.js';

const NAME = { domain: 'engineering', name: 'speed' };
const battery = new Battery();
afterAll(() => battery.remove());
afterEach(() => vi.unstubAllEnvs());

interface Place {
  readonly user: TemporaryRepository;
  readonly refs: ExperimentRefs;
  /** Puts everything back to how it was at first. */
  reset(): void;
}

/** Two trials packed, two loose, and refs of the user of both kinds. */
async function place(): Promise<Place> {
  const user = temporaryRepository();
  const refs = new ExperimentRefs(await openRepository(user.path), NAME);
  for (const number of [1, 2]) await refs.createTrialRef(number, user.head());
  user.git('branch', 'packed');
  user.git('pack-refs', '--all');
  user.git('branch', 'loose');
  for (const number of [3, 4]) await refs.createTrialRef(number, user.head());
  const [gitDir, original] = [join(user.path, '.git'), join(user.path, '../original')];
  cpSync(gitDir, original, { recursive: true, preserveTimestamps: true });
  const reset = () => {
    rmSync(gitDir, { recursive: true });
    cpSync(original, gitDir, { recursive: true, preserveTimestamps: true });
  };
  return { user, refs, reset };
}

/** Git dies just before its operation `at`, as from a loss of power. False when it has fewer. */
async function killedAt(at: number, { user }: Place, work: () => Promise<boolean>): Promise<boolean> {
  const file = join(battery.folder, 'shared');
  writeFileSync(file, Buffer.alloc(16));
  const faults = { LD_PRELOAD: battery.shim, FAULT_FILE: file, FAULT_ROOT: `${user.path}/`, FAULT_PROGRAMS: 'git' };
  for (const [name, value] of Object.entries(faults)) vi.stubEnv(name, value);
  vi.stubEnv('FAULT_ACTION', 'kill');
  vi.stubEnv('FAULT_AT', String(at));
  const end = await work().then(
    () => 'done',
    () => 'died',
  );
  vi.unstubAllEnvs();
  const fired = readFileSync(file).readUInt32LE(12) === 1;
  expect(end, `operation ${at}`).toBe(fired ? 'died' : 'done');
  return fired;
}

const valuesOf = (user: TemporaryRepository) =>
  user.git('for-each-ref', '--format=%(refname) %(objectname)').split('\n');

function leftoversOf({ path }: TemporaryRepository): string[] {
  const names = readdirSync(join(path, '.git'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.(?:lock|new)$|packing$/.test(name)).map((name) => join(path, '.git', name));
}

/** What the next runner does first, long after. */
async function startAgain({ user, refs }: Place): Promise<void> {
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const path of leftoversOf(user)) utimesSync(path, longAgo, longAgo);
  await refs.removeStaleLocks();
  expect(leftoversOf(user)).toEqual([]);
}

describe('a git that is killed at any operation', () => {
  it('over packing refs leaves every ref as it was, and packs them the next time', async () => {
    const found = await place();
    const { user, refs, reset } = found;
    const values = valuesOf(user);
    let at = 1;
    for (; await killedAt(at, found, () => refs.packTrials()); at += 1) {
      expect(valuesOf(user), `operation ${at}`).toEqual(values);
      await startAgain(found);
      expect(await refs.packTrials()).toBe(true);
      expect(valuesOf(user), `operation ${at}, packed again`).toEqual(values);
      expect(user.read('.git/refs/heads/loose').trim()).toMatch(/^[0-9a-f]{40}$/);
      reset();
    }
    expect(valuesOf(user)).toEqual(values);
    expect(at).toBeGreaterThan(10);
  });

  it('over letting go of refs leaves all others as they were, and lets go of them the next time', async () => {
    const found = await place();
    const { user, refs, reset } = found;
    const others = valuesOf(user).filter((line) => !/trials\/[123] /.test(line));
    let at = 1;
    for (; await killedAt(at, found, () => refs.forgetTrials(3, new Set())); at += 1) {
      expect(valuesOf(user), `operation ${at}`).toEqual(expect.arrayContaining(others));
      await startAgain(found);
      expect(await refs.forgetTrials(3, new Set())).toBe(true);
      expect(valuesOf(user)).toEqual(others);
      reset();
    }
    expect(valuesOf(user)).toEqual(others);
    expect(at).toBeGreaterThan(5);
  });
});
