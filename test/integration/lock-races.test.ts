/** Who may run an experiment when several start at once, when the owner was just killed, and when its clock was wrong. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readOwner } from '../../src/store/lock.js';
import { StoreReader } from '../../src/store/reader.js';
import { resultsLine } from '../../src/store/results-tsv.js';
import { Battery, ENDLESS, trialsOf, violationsOf, WORKTREE } from '../helpers/faults.js';
import { present, until } from '../helpers/process.js';
import { race, raceProblems, racesWithKills } from '../helpers/races.js';

const battery = new Battery();
afterAll(() => battery.remove());
const RUN = present(ENDLESS.steps[0]).args;

describe('runners that start at the same moment', () => {
  it('have one winner whom the others name, and the next start takes over from one that was killed', async () => {
    const world = battery.world(ENDLESS);
    expect(await racesWithKills(world, [2, 2, 5, 2], RUN)).toEqual([]);
    const done = trialsOf(world).filter(({ number }) => number !== null).length;
    const last = await world.run([...RUN, '--max-experiments', String(done + 1)]);
    expect(last.code, last.output).toBe(0);
    expect(violationsOf(world)).toEqual([]);
  });
});

describe('an owner file', () => {
  it('of another host, from the future, neither keeps a start off nor lets a second one in', async () => {
    const world = battery.world(ENDLESS);
    const path = join(world.state, 'owner.json');
    const wrong = JSON.stringify({ pid: 1, host: 'elsewhere', since: Date.UTC(2999, 0), socket: '/nowhere' });
    const first = world.start(RUN);
    await until('an owner that listens', () => (readOwner(world.state)?.socket ?? '') !== '');
    writeFileSync(path, wrong);
    const refused = await world.run(RUN);
    expect([refused.code, refused.output]).toEqual([12, expect.stringContaining('process 1 on elsewhere since 2999')]);
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    writeFileSync(path, wrong);
    const second = await race(world, 2, RUN);
    expect(raceProblems(second)).toEqual([]);
    await second.kill();
  });
});

describe('two experiments of one repository', () => {
  it('run at the same time and mix nothing up', async () => {
    const world = battery.world(WORKTREE);
    const { repository } = world;
    const names = ['engineering/fault', 'engineering/other'];
    const config = readFileSync(join(world.experimentFolder, 'config.cfg'), 'utf8');
    const prepared = config.replace('params.txt', 'more.txt').replace('evaluate.sh', 'measure-more.sh');
    repository.write('.autoresearch/engineering/other/config.cfg', prepared);
    repository.write('more.txt', 'x = 7 # autoresearch: int 0..99\n');
    repository.write('measure-more.sh', "sed -n 's/^x = \\([0-9]*\\).*/score: \\1/p' more.txt\n");
    repository.commit('another experiment');
    const runs = names.map((name) => world.start(['run', '--experiment', name, '--loop']));
    for (const { ended } of runs) expect(await ended).toMatchObject({ code: 0 });
    for (const [name, target] of [
      [names[0], 'params.txt'],
      [names[1], 'more.txt'],
    ] as const) {
      const state = join(repository.path, '.git/autoresearch', present(name));
      const store = present(StoreReader.open(join(state, 'store.sqlite')));
      const trials = [...store.eachTrial()];
      store.close();
      const numbered = trials.filter(({ kind }) => kind === 'trial');
      expect(numbered.map(({ number }) => number)).toEqual([1, 2, 3]);
      expect(numbered.flatMap(({ changedPaths }) => changedPaths)).toEqual([target, target, target]);
      const lines = trials.map(resultsLine);
      const results = repository.read(`.autoresearch/${name}/results.tsv`).trimEnd().split('\n').slice(1);
      expect(results).toEqual(lines);
      const kept = trials.filter(({ verdict }) => verdict === 'keep').at(-1);
      expect(repository.git('rev-parse', `refs/autoresearch/${name}/incumbent`)).toBe(kept?.candidateCommit);
    }
    expect(repository.git('worktree', 'list').split('\n')).toHaveLength(3);
  });
});
