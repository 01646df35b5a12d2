import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type ConfigKeys, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';
import { present } from '../helpers/process.js';
import { attempts, homeWith, loopbackServer, noSandbox, useSystemsTemporaryFolder } from '../helpers/sandbox.js';

useSystemsTemporaryFolder();

const BWRAP: ConfigKeys = { 'sandbox.kind': 'bwrap' };

/** What the evaluator printed beside the metric in the baseline's first measurement. */
function triedIn(experiment: TestExperiment): Readonly<Record<string, number>> {
  return present(experiment.measurements(0)[0]).secondary;
}

function withBench(commands: Readonly<Record<string, string>>, config: ConfigKeys = {}): TestExperiment {
  return new TestExperiment({
    config: { ...BWRAP, 'workspace.kind': 'worktree', ...config },
    files: { 'bench.sh': `${attempts(commands)}. ./value.sh\n` },
  });
}

/** The agent of a test needs its plan folder, which lies in a temporary folder like everything else. */
function withAgent(steps: readonly string[], config: ConfigKeys = {}): TestExperiment {
  const experiment = new TestExperiment({ steps, config: { ...BWRAP, ...config } });
  const plan = join(dirname(present(process.env['HOME'])), 'plan');
  experiment.configure({ ...BWRAP, ...config, 'sandbox.write': plan });
  return experiment;
}

describe.skipIf(noSandbox !== null)('an evaluator in the sandbox', () => {
  it('writes to the workspace, its own /tmp, the output folder and named caches, and to nothing else', async () => {
    const experiment = withBench(
      {
        workspace: 'mkdir build && echo 1 > build/x && echo 1 >> value.sh.copy',
        temporary: '[ "$TMPDIR" = /tmp ] && echo 1 > /tmp/x && echo 1 > /var/tmp/y',
        output: 'echo better > "$AUTORESEARCH_OUTPUT_DIR/feedback.md"',
        cache: 'echo 1 > ~/.npm/x',
        shared_memory: 'echo 1 > /dev/shm/x',
        read_git: 'git log -1 && git status --porcelain && git show HEAD:value.sh',
        read_operator: 'cat "$OPERATOR/value.sh"',
        definitions: 'test -f "$AUTORESEARCH_DEFINITIONS_DIR/bench.sh"',
        write_git: 'echo 1 > "$OPERATOR/.git/x"',
        write_config: 'git config core.hooksPath /evil',
        move_ref: 'git update-ref refs/heads/evil HEAD',
        write_hook: 'echo 1 > "$OPERATOR/.git/hooks/pre-commit"',
        write_link: 'echo 1 > .git',
        remove_link: 'rm -f .git',
        write_definitions: 'echo 1 > "$AUTORESEARCH_DEFINITIONS_DIR/bench.sh"',
        read_store: 'cat "$OPERATOR/.git/autoresearch/custom/score/store.sqlite"',
        write_state: 'echo 1 > "$OPERATOR/.git/autoresearch/x"',
        write_operator: 'echo 1 > "$OPERATOR/value.sh"',
        write_home: 'echo 1 > ~/x',
        write_system: 'echo 1 > /etc/x || echo 1 > /usr/x || echo 1 > /x',
        // Never by trying: where it succeeds the machine is changed.
        write_kernel: 'test -w /proc/sys/kernel/core_pattern || test -w /sys/kernel/mm/transparent_hugepage/enabled',
        remount: 'mount -o remount,rw /',
        remount_in_own_namespace: 'unshare --user --map-root-user --mount mount -o remount,rw,bind /',
        unmount: 'umount ~/.ssh',
        other_processes: '[ "$(ls /proc | grep -c "^[0-9]")" -gt 12 ]',
      },
      { 'sandbox.write': '~/.npm' },
    );
    const home = homeWith(['.npm/', '.ssh/id']);
    vi.stubEnv('OPERATOR', experiment.repository.path);
    const before = experiment.fingerprint();

    expect(await experiment.run({ mode: 'baseline' })).toMatchObject({ exitCode: 0 });

    const tried = triedIn(experiment);
    const done = Object.entries(tried).flatMap(([name, value]) => (value === 1 ? [name] : []));
    expect(done).toEqual([
      ...['workspace', 'temporary', 'output', 'cache', 'shared_memory'],
      ...['read_git', 'read_operator', 'definitions'],
    ]);
    expect(Object.keys(tried)).toHaveLength(25);
    expect(experiment.fingerprint()).toBe(before);
    expect(existsSync(join(home, '.npm/x'))).toBe(true);
    expect(existsSync('/tmp/x')).toBe(false);
    expect(readdirSync(join(experiment.state, 'sandboxes'))).toEqual([]);
  });

  it('sees no keys and logins, nor what is to be hidden, but what was named as writable', async () => {
    const see = (path: string) => `grep -rq secret ~/${path}`;
    const experiment = withBench(
      {
        ...{ ssh: see('.ssh'), aws: see('.aws/credentials'), netrc: see('.netrc'), claude: see('.claude') },
        ...{ codex: see('.codex/auth.json'), notes: see('notes'), claude_file: see('.claude.json') },
        ...{ write_ssh: 'echo 1 > ~/.ssh/x', sockets: 'ls /run/dbus /run/systemd/private /run/docker.sock' },
        ...{ npmrc: see('.npmrc'), other: see('other') },
      },
      { 'sandbox.hide': '~/notes, ~/absent', 'sandbox.write': '~/.npmrc' },
    );
    homeWith([
      ...['.ssh/id', '.aws/credentials', '.netrc', '.claude/x', '.claude.json', '.codex/auth.json'],
      ...['.npmrc', 'notes/n', 'other'],
    ]);
    await experiment.run({ mode: 'baseline' });
    const seen = Object.entries(triedIn(experiment)).flatMap(([name, value]) => (value === 1 ? [name] : []));
    expect(seen).toEqual(['npmrc', 'other']);
  });

  it.each([
    ['on', 1],
    ['off', 0],
  ])('with network = %s reaches a service of this machine: %i', async (network, reached) => {
    const port = await loopbackServer();
    const experiment = withBench(
      { connect: `bash -c "exec 3<>/dev/tcp/127.0.0.1/${port} && read line <&3"` },
      { 'sandbox.network': network },
    );
    await experiment.run({ mode: 'baseline' });
    expect(triedIn(experiment)['connect']).toBe(reached);
  });

  it('is confined in set-up and checks just the same', async () => {
    const step = (name: string) => attempts({ [name]: 'echo 1 > ~/x' }).replaceAll('echo "', 'echo "tried ');
    const experiment = new TestExperiment({
      steps: [rewrites(scores(9))],
      files: { 'setup.sh': step('setup'), 'check.sh': step('check') },
    });
    experiment.configure({
      ...{ ...BWRAP, 'workspace.setup_cmd': 'sh setup.sh', 'checks.c': 'sh check.sh' },
      'sandbox.write': join(dirname(present(process.env['HOME'])), 'plan'),
    });
    const home = homeWith(['.ssh/id']);
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(existsSync(join(home, 'x'))).toBe(false);
  });

  it('in a checkout cannot change git, nor the files that decide', async () => {
    const experiment = withBench(
      {
        workspace: 'echo 1 > built.o',
        git: 'echo 1 > .git/x',
        index: 'git add value.sh',
        definition: 'echo 1 > bench.sh',
        configuration: 'echo 1 > .autoresearch/custom/score/config.cfg',
      },
      { 'workspace.kind': 'checkout', 'proposer.kind': 'manual' },
    );
    experiment.repository.git('switch', '-qc', 'autoresearch/custom/score');
    await experiment.run({ mode: 'baseline' });
    expect(triedIn(experiment)).toEqual({ workspace: 1, git: 0, index: 0, definition: 0, configuration: 0 });
  });
});

describe.skipIf(noSandbox !== null)('an agent in the sandbox', () => {
  it('edits the workspace and uses git add and git status, and cannot commit, move refs or reach the git folder', async () => {
    const probes = attempts({
      status: 'git status --porcelain',
      add: 'git add value.sh && git diff --cached --name-only | grep -q value.sh',
      log: 'git log -1',
      description: 'echo better > "$AUTORESEARCH_DESCRIPTION_FILE"',
      prompt: 'grep -q . "$AUTORESEARCH_PROMPT_FILE"',
      commit: 'git commit -m mine',
      ref: 'git update-ref refs/heads/evil HEAD',
      branch: 'git switch -c evil',
      incumbent: 'git update-ref -d refs/autoresearch/custom/score/incumbent',
      config: 'git config user.name evil',
      head: 'echo evil > "$(git rev-parse --git-dir)/HEAD"',
      objects: 'rm -rf "$(git rev-parse --git-common-dir)"/objects/??',
      operator: 'echo 1 > "$OPERATOR/value.sh"',
      results: 'cat "$OPERATOR/.git/autoresearch/custom/score/store.sqlite"',
      home: 'echo 1 > ~/x',
    });
    const experiment = withAgent([`${rewrites(scores(9))}\n{ ${probes} } > tried.txt\ncat tried.txt >> value.sh\n`]);
    vi.stubEnv('OPERATOR', experiment.repository.path);
    const before = experiment.fingerprint();
    await experiment.run({ maxExperiments: 1 });

    const [trial] = experiment.trials();
    const kept = experiment.repository.git('show', `${trial?.candidateCommit}:value.sh`);
    const done = [...kept.matchAll(/^(\w+): 1$/gm)].map(([, name]) => name);
    expect(done).toEqual(['status', 'add', 'log', 'description', 'prompt']);
    expect(kept.match(/^\w+: 0$/gm)).toHaveLength(10);
    expect(experiment.fingerprint()).toBe(before);
    expect(experiment.repository.git('fsck', '--connectivity-only')).not.toContain('missing');
  });

  it('has its own settings to write to, and no other agent has', async () => {
    const experiment = new TestExperiment({
      config: { ...BWRAP, 'proposer.kind': 'agent', 'agent.preset': 'codex', 'limits.max_idle_proposals': 1 },
    });
    const home = homeWith(['.codex/auth.json', '.claude/x', '.ssh/id', 'bin/']);
    const script = attempts({
      own: 'grep -q secret ~/.codex/auth.json',
      other: 'grep -rq secret ~/.claude',
      ssh: 'grep -rq secret ~/.ssh',
    });
    const codex = `#!/bin/sh\n{ ${script} } > ~/.codex/"session$1"\nexit 1\n`;
    writeFileSync(join(home, 'bin/codex'), codex, { mode: 0o755 });
    vi.stubEnv('PATH', `${join(home, 'bin')}:${process.env['PATH']}`);
    await experiment.run({ maxExperiments: 1 });
    const [attempt] = experiment.attempts().filter(({ kind }) => kind === 'trial');
    expect(present(attempt)).toMatchObject({ outcome: 'agent_error' });
    for (const session of ['sessionexec', 'session--version']) {
      expect(readFileSync(join(home, '.codex', session), 'utf8')).toBe('own: 1\nother: 0\nssh: 0\n');
    }
  });

  it('a loop of three trials ends like one without a sandbox', async () => {
    const steps = [rewrites(scores(9)), rewrites('exit 3'), rewrites(scores(12))];
    const course = async (experiment: TestExperiment) => {
      const { exitCode, stop } = await experiment.run({ maxExperiments: 3 });
      return {
        exitCode,
        reason: stop.reason,
        course: experiment.course(),
        results: experiment.results().map((line) => line.slice(1)),
      };
    };
    const confined = await course(withAgent(steps));
    expect(confined.course).toEqual(['measured keep', 'crashed crash', 'measured discard']);
    expect(confined).toEqual(await course(new TestExperiment({ steps })));
  });
});

describe('the configuration of the sandbox', () => {
  it('without bwrap on PATH stops the run before it begins and names the cure', async () => {
    const experiment = withBench({});
    const bin = temporaryFolder();
    for (const program of ['git', 'bash', 'sh']) symlinkSync(`/usr/bin/${program}`, join(bin, program));
    vi.stubEnv('PATH', bin);
    await expect(experiment.run()).rejects.toMatchObject({
      code: 'environment',
      message: expect.stringMatching(/sandbox.*config\.cfg: bwrap is not on PATH/),
      hint: expect.stringContaining('apt-get install bubblewrap'),
    });
  });

  it('with a bwrap that does not work says what it said', async () => {
    const experiment = withBench({});
    const bin = temporaryFolder();
    writeFileSync(join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: No permissions to create namespace" >&2\nexit 1\n', {
      mode: 0o755,
    });
    vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
    await expect(experiment.run()).rejects.toMatchObject({
      code: 'environment',
      message: expect.stringContaining('No permissions to create namespace'),
    });
  });

  it.skipIf(noSandbox !== null).each([
    ['write', '~/absent', 'does not exist'],
    ['write', '/', 'holds your repository'],
    ['device', '/dev/absent', 'does not exist'],
  ])('%s = %s is refused: it %s', async (key, value, trouble) => {
    const experiment = withBench({}, { [`sandbox.${key}`]: value });
    homeWith([]);
    await expect(experiment.run()).rejects.toMatchObject({ code: 'config', message: expect.stringContaining(trouble) });
  });

  it.skipIf(noSandbox !== null)(
    'belongs to the definitions: a number from outside is not compared with one from inside',
    async () => {
      const experiment = new TestExperiment({});
      await experiment.run({ mode: 'baseline' });
      const revision = () => experiment.read((store) => present(store.newestRevision()).revision);
      expect(revision()).toBe(1);
      experiment.configure(BWRAP);
      await experiment.run({ mode: 'baseline' });
      expect(revision()).toBe(2);
      experiment.configure({ ...BWRAP, 'sandbox.agent_network': 'off' });
      await experiment.run({ mode: 'baseline' });
      expect(revision()).toBe(2);
      experiment.configure({ ...BWRAP, 'sandbox.network': 'off' });
      await experiment.run({ mode: 'baseline' });
      expect(revision()).toBe(3);
    },
  );
});
