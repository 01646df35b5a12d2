import { cpSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { Battery } from '../helpers/faults.js';
import { repositoryAt, type TemporaryRepository, temporaryRepository } from '../helpers/git.js';

const NAME = { domain: 'engineering', name: 'speed' };
const battery = new Battery();
afterAll(() => battery.remove());
afterEach(() => vi.unstubAllEnvs());

/** Two trials packed, two loose, and refs of the user of both kinds. */
async function template(): Promise<TemporaryRepository> {
  const user = temporaryRepository();
  const refs = new ExperimentRefs(await openRepository(user.path), NAME);
  for (const number of [1, 2]) await refs.createTrialRef(number, user.head());
  user.git('branch', 'packed');
  user.git('pack-refs', '--all');
  user.git('branch', 'loose');
  for (const number of [3, 4]) await refs.createTrialRef(number, user.head());
  return user;
}

/** Git dies just before its operation `at`, as from a loss of power. False when it has fewer. */
async function killedAt(at: number, user: TemporaryRepository, work: (refs: ExperimentRefs) => Promise<boolean>) {
  const file = join(battery.folder, 'shared');
  writeFileSync(file, Buffer.alloc(16));
  const refs = new ExperimentRefs(await openRepository(user.path), NAME);
  const faults = { LD_PRELOAD: battery.shim, FAULT_FILE: file, FAULT_ROOT: `${user.path}/`, FAULT_PROGRAMS: 'git' };
  for (const [name, value] of Object.entries(faults)) vi.stubEnv(name, value);
  vi.stubEnv('FAULT_ACTION', 'kill');
  vi.stubEnv('FAULT_AT', String(at));
  const ended = work(refs).then(
    () => 'done',
    () => 'died',
  );
  const end = await ended;
  vi.unstubAllEnvs();
  const fired = readFileSync(file).readUInt32LE(12) === 1;
  expect(end, `operation ${at}`).toBe(fired ? 'died' : 'done');
  return fired;
}

const valuesOf = (user: TemporaryRepository) => user.git('for-each-ref', '--format=%(refname) %(objectname)');

function locksOf({ path }: TemporaryRepository): string[] {
  const names = readdirSync(join(path, '.git'), { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.(?:lock|new)$|packing$/.test(name)).map((name) => join(path, '.git', name));
}

/** What the next runner does first, long after. */
async function startAgain(user: TemporaryRepository): Promise<ExperimentRefs> {
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const path of locksOf(user)) utimesSync(path, longAgo, longAgo);
  const refs = new ExperimentRefs(await openRepository(user.path), NAME);
  await refs.removeStaleLocks();
  expect(locksOf(user)).toEqual([]);
  return refs;
}

describe('a git that is killed at any operation', () => {
  it('over packing refs leaves every ref as it was, and packs them the next time', async () => {
    const original = await template();
    const values = valuesOf(original);
    let at = 1;
    for (; ; at += 1) {
      const user = copyOf(original, at);
      const fired = await killedAt(at, user, (refs) => refs.packTrials());
      expect(valuesOf(user), `operation ${at}`).toBe(values);
      const refs = await startAgain(user);
      expect(valuesOf(user), `operation ${at}`).toBe(values);
      expect(await refs.packTrials()).toBe(true);
      expect(valuesOf(user)).toBe(values);
      expect(user.read('.git/refs/heads/loose').trim()).toBe(user.head());
      rmSync(user.path, { recursive: true });
      if (!fired) break;
    }
    expect(at).toBeGreaterThan(10);
  });

  it('over letting go of refs leaves all others as they were, and lets go of them the next time', async () => {
    const original = await template();
    const without = valuesOf(original)
      .split('\n')
      .filter((line) => !/trials\/[123] /.test(line));
    let at = 1;
    for (; ; at += 1) {
      const user = copyOf(original, at);
      const fired = await killedAt(at, user, (refs) => refs.forgetTrials(3, new Set()));
      expect(valuesOf(user).split('\n'), `operation ${at}`).toEqual(expect.arrayContaining(without));
      const refs = await startAgain(user);
      expect(await refs.forgetTrials(3, new Set())).toBe(true);
      expect(valuesOf(user).split('\n')).toEqual(without);
      rmSync(user.path, { recursive: true });
      if (!fired) break;
    }
    expect(at).toBeGreaterThan(5);
  });
});

function copyOf(original: TemporaryRepository, number: number): TemporaryRepository {
  const path = join(original.path, '..', `copy ${number}`);
  cpSync(original.path, path, { recursive: true, preserveTimestamps: true });
  return repositoryAt(path, original.cacheHome);
}
