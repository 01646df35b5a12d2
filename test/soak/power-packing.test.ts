import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { repositoryAt, type TemporaryRepository, temporaryRepository } from '../helpers/git.js';
import { Disk, whyNoPowerLoss } from '../helpers/power.js';

/** The machine loses its power while refs are packed. */
const CUTS = Number(process.env['POWER_CUTS'] ?? 40);
const REFS = 200;
const NAME = { domain: 'engineering', name: 'speed' };
const TRIALS = 'refs/autoresearch/engineering/speed/trials';
const obstacle = whyNoPowerLoss();
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'autoresearch-power-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(obstacle !== null)(`power loss${obstacle === null ? '' : ` (skipped: ${obstacle})`}`, () => {
  it(`at ${CUTS} moments of packing leaves every ref what it was`, async () => {
    const original = manyRefs();
    const values = valuesOf(original);
    const longestMs = await timed(original);
    const ends = { loose: 0, both: 0, packed: 0 };
    for (let cut = 1; cut <= CUTS; cut += 1) {
      const disk = new Disk(join(folder, String(cut)), join(folder, 'cut'));
      try {
        const user = await copyTo(join(disk.path, 'repository'), original);
        execFileSync('sync', ['--file-system', disk.path]);
        const packing = refsOf(user).then((refs) => refs.packTrials());
        const ended = packing.catch(() => undefined);
        await Promise.race([ended, delay((longestMs * cut) / CUTS)]);
        disk.cut();
        await ended;
        disk.boot();
        expect(valuesOf(user), `cut ${cut}`).toBe(values);
        ends[endOf(user)] += 1;
        const refs = await startAgain(user);
        await refs.packTrials();
        expect(endOf(user), `cut ${cut}`).toBe('packed');
        expect(valuesOf(user), `cut ${cut}, packed again`).toBe(values);
        user.git('fsck', '--strict');
      } finally {
        disk.remove();
      }
    }
    console.info(`${CUTS} cuts, packing takes ${longestMs.toFixed(0)} ms; found afterwards: ${JSON.stringify(ends)}`);
  });
});

/** Half of the refs packed already, and refs of the user of both kinds. */
function manyRefs(): TemporaryRepository {
  const user = temporaryRepository();
  user.git('branch', 'packed');
  for (const first of [1, REFS / 2 + 1]) {
    user.git('pack-refs', '--all');
    for (let number = first; number < first + REFS / 2; number += 1)
      user.git('update-ref', `${TRIALS}/${number}`, 'HEAD');
  }
  user.git('branch', 'loose');
  return user;
}

const valuesOf = (user: TemporaryRepository) => user.git('for-each-ref', '--format=%(refname) %(objectname)');
const refsOf = async (user: TemporaryRepository) => new ExperimentRefs(await openRepository(user.path), NAME);

async function copyTo(path: string, original: TemporaryRepository): Promise<TemporaryRepository> {
  cpSync(original.path, path, { recursive: true, preserveTimestamps: true });
  return repositoryAt(path, original.cacheHome);
}

async function timed(original: TemporaryRepository): Promise<number> {
  const user = await copyTo(join(folder, 'uncut'), original);
  const startedAt = performance.now();
  await (await refsOf(user)).packTrials();
  return performance.now() - startedAt;
}

function endOf(user: TemporaryRepository): 'loose' | 'both' | 'packed' {
  const trials = join(user.path, '.git', TRIALS);
  const loose = existsSync(trials) ? readdirSync(trials).filter((name) => !name.endsWith('.lock')).length : 0;
  if (loose === 0) return 'packed';
  return user.read('.git/packed-refs').split(TRIALS).length - 1 === REFS ? 'both' : 'loose';
}

async function startAgain(user: TemporaryRepository): Promise<ExperimentRefs> {
  const lock = join(user.path, '.git/packed-refs.lock');
  const longAgo = new Date(Date.now() - 3_600_000);
  if (existsSync(lock)) utimesSync(lock, longAgo, longAgo);
  const refs = await refsOf(user);
  await refs.removeStaleLocks();
  const names = readdirSync(join(user.path, '.git'), { recursive: true, encoding: 'utf8' });
  expect(names.filter((name) => /\.(?:lock|new)$|packing$/.test(name))).toEqual([]);
  return refs;
}
