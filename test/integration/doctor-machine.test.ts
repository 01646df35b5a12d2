import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { machineFindings } from '../../src/cli/doctor-machine.js';
import { managerOf } from '../../src/cli/service-target.js';
import { resolveExperiment } from '../../src/config/discovery.js';
import type { Finding } from '../../src/core/finding.js';
import { openRepository } from '../../src/git/open.js';
import { homesOf, serviceName } from '../../src/service/definition.js';
import { writeRecord, writeWhole } from '../../src/service/record.js';
import { BackgroundRun, EXPERIMENT, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

async function examine(experiment: TestExperiment): Promise<readonly Finding[]> {
  const repository = await openRepository(experiment.repository.path);
  const place = { from: repository.root, repository: repository.root, home: null };
  return machineFindings({ experiment: resolveExperiment(EXPERIMENT, place), repository });
}

const worse = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level === 'problem' || level === 'warning');

describe('doctor, on the machine', () => {
  it('finds nothing wrong where nothing is', async () => {
    const findings = await examine(new TestExperiment({ steps: [] }));
    expect(worse(findings)).toEqual([]);
    expect(findings.map(({ text }) => text).join('\n')).toContain(`Node ${process.versions.node}`);
    expect(findings.map(({ text }) => text).join('\n')).toMatch(/processes are held/);
  });

  it('names an agent that is not installed with the command that installs it, and one that is with its version', async () => {
    const config = { 'proposer.kind': 'agent', 'agent.preset': 'claude' };
    const experiment = new TestExperiment({ config });
    vi.stubEnv(
      'PATH',
      (process.env['PATH'] ?? '')
        .split(':')
        .filter((part) => !existsSync(join(part, 'claude')))
        .join(':'),
    );
    expect(worse(await examine(experiment))).toMatchObject([
      { level: 'problem', text: 'claude is not on PATH', cure: expect.stringContaining('npm install -g') },
    ]);
    const bin = temporaryFolder();
    writeFileSync(join(bin, 'claude'), '#!/bin/sh\necho "9.9.9 (fake)"\n');
    chmodSync(join(bin, 'claude'), 0o755);
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    const findings = await examine(experiment);
    expect(worse(findings)).toEqual([]);
    expect(findings.some(({ text }) => text.includes('9.9.9 (fake)'))).toBe(true);
  });

  it('says how to end a bisect, which has a word of its own for that', async () => {
    const experiment = new TestExperiment({ steps: [] });
    experiment.repository.write('.git/BISECT_LOG', '');
    expect(worse(await examine(experiment))).toMatchObject([{ cure: 'git bisect reset, or finish it' }]);
  });

  it.skipIf(process.platform !== 'linux')(
    'says of a service that it failed, that it rests, and that its repository was moved',
    async () => {
      const experiment = new TestExperiment({ steps: [] });
      const { commonDir } = await openRepository(experiment.repository.path);
      const [bin, config] = [temporaryFolder(), temporaryFolder()];
      vi.stubEnv('XDG_CONFIG_HOME', config);
      vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
      const manager = managerOf(serviceName(commonDir, EXPERIMENT), homesOf(process.env, config));
      writeWhole(manager.path, '', 0o644);
      const found = async (activity: string) => {
        writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho ActiveState=${activity}\n`, { mode: 0o755 });
        return (await examine(experiment)).filter(({ text }) => text.includes('service'));
      };
      const start = `autoresearch service start --experiment ${EXPERIMENT}`;
      expect(await found('active')).toMatchObject([{ level: 'ok' }]);
      expect(await found('failed')).toMatchObject([{ level: 'problem', cure: start }]);
      expect(await found('inactive')).toMatchObject([{ level: 'note', cure: start }]);
      const name = serviceName(commonDir, EXPERIMENT);
      const record = { name, program: [], commonDir: '/moved/away/.git', forgivenSession: null };
      writeRecord(join(experiment.state, 'service.json'), record);
      expect(await found('active')).toMatchObject([
        { level: 'problem', text: 'the service needs /moved/away/.git, which is gone' },
      ]);
    },
  );

  it("names what stands in git's way: a lock, an unfinished merge, an unknown author", async () => {
    const experiment = new TestExperiment({ steps: [] });
    experiment.repository.write('.git/index.lock', '');
    experiment.repository.write('.git/MERGE_HEAD', `${experiment.repository.git('rev-parse', 'HEAD')}`);
    experiment.repository.git('config', '--unset', 'user.email');
    const findings = await examine(experiment);
    expect(
      worse(findings)
        .map(({ text }) => text)
        .join('\n'),
    ).toMatch(/a merge is in progress[\s\S]*index\.lock is there/);
    expect(findings).toContainEqual(
      expect.objectContaining({ level: 'note', cure: expect.stringContaining('user.email') }),
    );
  });

  it('says that no trial would begin on a disk that is too full', async () => {
    const experiment = new TestExperiment({ steps: [], config: { 'limits.min_free_mb': 100_000_000 } });
    expect(worse(await examine(experiment))[0]).toMatchObject({
      level: 'problem',
      text: expect.stringContaining('free on the disk'),
    });
    const run = await experiment.run({ maxExperiments: 1 });
    expect(run.stop).toMatchObject({
      reason: 'environment_broken',
      detail: expect.stringContaining('free on the disk'),
    });
    expect(run.exitCode).toBe(17);
  });

  it('names the runner that lives', async () => {
    const experiment = new TestExperiment({ steps: [rewrites('sleep 60'), rewrites(scores(5))] });
    const run = new BackgroundRun(experiment);
    await run.seen('measuring', 2);
    expect((await examine(experiment)).map(({ text }) => text)).toContain(`it is being run by process ${process.pid}`);
    run.stop.now('stopped');
    await run.finished;
    expect((await examine(experiment)).map(({ text }) => text).join('\n')).toContain('left something unfinished');
  });
});
