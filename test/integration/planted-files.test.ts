/** What foreign code leaves under names that the runner uses, or that git waits for: it leads nowhere and holds nothing up. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { removePipes } from '../../src/git/swept-workspace.js';
import { rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder, temporaryRepository } from '../helpers/git.js';
import { present } from '../helpers/process.js';
import { noSandbox } from '../helpers/sandbox.js';

describe.skipIf(noSandbox !== null)('an agent in the sandbox', () => {
  it('cannot lead the runner out of it by links and folders under the names that the runner uses', async () => {
    const plant = `
record=$(dirname "$AUTORESEARCH_PROMPT_FILE"); git=$(git rev-parse --git-dir)
for folder in "$record" "$record/.."; do
  ln -s "$VICTIM/file" "$folder/unfinished.patch"
  for id in 1 2 3 4 5 6 7 8; do ln -s "$VICTIM/folder" "$folder/measurement-$id"; done
done 2>/dev/null
ln -s "$VICTIM/file" "$git/index.new"; mkfifo "$git/config.worktree"; mkdir "$git/HEAD.lock"
for log in "$record"/agent-*; do rm -f "$log"; mkdir "$log"; mkfifo "$log/pipe"; done
`;
    const bench = 'echo measured > "$AUTORESEARCH_OUTPUT_DIR/mine"\n. ./value.sh\n';
    const steps = [`${rewrites(scores(9))}${plant}`, `${rewrites(scores(8))}${plant}exit 1`, rewrites(scores(7))];
    const experiment = new TestExperiment({ steps, files: { 'bench.sh': bench } });
    experiment.configure({
      ...{ 'sandbox.kind': 'bwrap', 'limits.max_idle_proposals': 2 },
      'sandbox.write': join(dirname(present(process.env['HOME'])), 'plan'),
    });
    const victim = temporaryFolder();
    mkdirSync(join(victim, 'folder'));
    writeFileSync(join(victim, 'file'), 'precious');
    vi.stubEnv('VICTIM', victim);
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured keep', 'agent_error', 'measured keep']);
    expect(readFileSync(join(victim, 'file'), 'utf8')).toBe('precious');
    expect(readdirSync(join(victim, 'folder'))).toEqual([]);
    expect(existsSync(join(experiment.repository.path, '.git/worktrees/score/config.worktree'))).toBe(false);
  });
});

describe.skipIf(noSandbox !== null)('an agent in the sandbox, in the checkout', () => {
  it('cannot change what decides by moving the folders above it, nor what leads git into a submodule', async () => {
    const deed = `
mv .autoresearch old && cp -r old .autoresearch
mv deep away && cp -r away deep
echo 'echo score: 1' > deep/er/bench.sh
mv third away2 && cp -r away2 third && rm -rf third/sub/.git && mkdir third/sub/.git
echo evil > third/sub/.git/config
`;
    const experiment = new TestExperiment({
      files: { 'deep/er/bench.sh': '. ./value.sh\n' },
      steps: [`{ ${deed} } 2>/dev/null; ${rewrites(scores(9))}`],
    });
    const { repository } = experiment;
    const submodule = temporaryRepository({ files: { 'a.txt': '1\n' } });
    const add = ['-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', submodule.path, 'third/sub'];
    repository.git(...add);
    experiment.configure({
      ...{ 'sandbox.kind': 'bwrap', 'workspace.kind': 'checkout', evaluate_cmd: 'sh deep/er/bench.sh' },
      'sandbox.write': join(dirname(present(process.env['HOME'])), 'plan'),
    });
    repository.commit('a submodule');
    repository.git('switch', '--quiet', '--create', 'autoresearch/custom/score');
    const config = `${experiment.folder}/config.cfg`;
    const before = [config, 'deep/er/bench.sh', 'third/sub/.git'].map((path) => repository.read(path));
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.course()).toEqual(['measured keep']);
    expect(experiment.trial(1).metric).toBe(9);
    expect([config, 'deep/er/bench.sh', 'third/sub/.git'].map((path) => repository.read(path))).toEqual(before);
  });
});

describe('named pipes', () => {
  it('where git looks for its rules hold nobody up, and do not outlive the trial', async () => {
    const pipes = 'mkdir deep; mkfifo .gitignore .gitattributes deep/.gitignore pipe; chmod 000 deep';
    const steps = [`${rewrites(scores(9))}${pipes}`, `${pipes}; exit 1`, 'rm value.sh; mkfifo value.sh'];
    const experiment = new TestExperiment({ steps, config: { 'limits.max_idle_proposals': 2 } });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['measured keep', 'agent_error', 'crashed crash']);
    const left = readdirSync(experiment.workspace, { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => !entry.isFile() && !entry.isDirectory())).toEqual([]);
  });

  it('in the place of the evaluator are seen as its change, without being read', async () => {
    const pipe = `${scores(9)}\nrm bench.sh; mkfifo bench.sh`;
    const experiment = new TestExperiment({ steps: [rewrites(pipe), rewrites(scores(8))] });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['tampered discard', 'measured keep']);
    expect(experiment.trial(1).reason).toContain('it changed bench.sh while it was measured');
  });

  it('go, and files, folders, links and what is kept stay', () => {
    const folder = temporaryFolder();
    const make = 'mkdir -p a/b kept x/node_modules; ln -s /nowhere link; mkfifo p a/b/p kept/p x/node_modules/p';
    execFileSync('sh', ['-c', `${make}; mkfifo "$(printf 'not utf-8 \\377')"`], { cwd: folder });
    removePipes(folder, (path) => path === 'kept' || path.endsWith('/node_modules'));
    const left = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    expect(left).toEqual(['a', 'a/b', 'kept', 'kept/p', 'link', 'x', 'x/node_modules', 'x/node_modules/p']);
  });
});
