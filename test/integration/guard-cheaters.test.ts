/**
 * What a proposer or a candidate's code may try so as to be judged better than it is, or to harm the repository around
 * it: each is refused, undone or reported, and the next honest trial is judged as if nothing had been tried.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BRANCH, type Cheater, honestValue, INCUMBENT, planOf, populated, usersThings } from '../helpers/cheaters.js';
import { EXPERIMENT, rewrites, scores, type TestExperiment } from '../helpers/experiments.js';

/** Refused or undone, and the run goes on: the honest trial after it is kept. */
const REFUSED: readonly Cheater[] = [
  {
    name: 'an agent that edits the evaluator',
    step: 'echo "echo score: 0" > bench.sh',
    outcome: 'tampered',
    reason: /bench\.sh/,
  },
  {
    name: 'an agent that edits the configuration in its workspace',
    step: `sed -i 's/lower/higher/; s/score/other/' .autoresearch/${EXPERIMENT}/config.cfg`,
    outcome: 'tampered',
    reason: /config\.cfg/,
  },
  {
    name: 'an agent that renames the evaluator into the target',
    options: { config: { target: 'value.sh, src/**' } },
    step: 'mkdir -p src && git mv bench.sh src/bench.sh',
    outcome: 'tampered',
    reason: /bench\.sh/,
  },
  {
    name: 'an agent that puts a symlinked folder in the place of the definitions',
    step: 'rm -rf .autoresearch && ln -s /nowhere .autoresearch',
    outcome: 'tampered',
    reason: /config\.cfg/,
  },
  {
    name: 'an agent that rewrites the kept copy of the evaluator',
    step: 'chmod u+w "$STATE"/definitions/1/bench.sh; echo "echo score: 0" > "$STATE"/definitions/1/bench.sh',
    outcome: 'tampered',
    reason: /kept copy of bench\.sh/,
    check: ({ state }) => expect(readFileSync(join(state, 'definitions/1/bench.sh'), 'utf8')).toBe('. ./value.sh\n'),
  },
  {
    name: 'code that rewrites the evaluator while it is measured',
    code: 'echo "echo score: 0" > bench.sh',
    outcome: 'tampered',
    reason: /it changed bench\.sh while/,
  },
  {
    name: 'code that deletes an untracked evaluator file while it is measured',
    options: { config: { evaluate_cmd: `sh .autoresearch/${EXPERIMENT}/judge.sh` } },
    code: `rm .autoresearch/${EXPERIMENT}/judge.sh`,
    outcome: 'tampered',
    reason: /judge\.sh/,
  },
  {
    name: 'code that puts a link in the place of the evaluator',
    code: 'echo "echo score: 0" > other && ln -sf other bench.sh',
    outcome: 'tampered',
    reason: /bench\.sh/,
  },
  {
    name: 'code that rewrites the kept copy of the evaluator',
    code: 'rm -f "$STATE"/definitions/1/bench.sh; echo "echo score: 0" > "$STATE"/definitions/1/bench.sh',
    outcome: 'tampered',
    reason: /kept copy of bench\.sh/,
    check: ({ state }) => expect(readFileSync(join(state, 'definitions/1/bench.sh'), 'utf8')).toBe('. ./value.sh\n'),
  },
  {
    name: 'code that replaces the program autoresearch of later measurements',
    code: 'mkdir -p "$STATE"/bin; printf "#!/bin/sh\\necho score: 0\\n" > "$STATE"/bin/autoresearch',
    outcome: 'tampered',
    reason: /bin\/autoresearch/,
    check: ({ state }) => expect(existsSync(join(state, 'bin/autoresearch'))).toBe(false),
  },
  {
    name: 'code that puts a shell of its own first on the path of later measurements',
    code: 'mkdir -p "$STATE"/bin; printf "#!/bin/sh\\necho score: 0\\n" > "$STATE"/bin/sh; chmod +x "$STATE"/bin/sh',
    outcome: 'tampered',
    reason: /bin\/sh/,
    check: ({ state }) => expect(existsSync(join(state, 'bin/sh'))).toBe(false),
  },
  {
    name: 'an agent that moves the incumbent to its own commit',
    step: `git commit -qam cheat; git update-ref ${INCUMBENT} HEAD`,
    outcome: 'tampered',
    reason: /incumbent was moved and put back/,
    warning: /is back at/,
  },
  {
    name: 'an agent that deletes the incumbent',
    step: `git update-ref -d ${INCUMBENT}`,
    outcome: 'tampered',
    reason: /incumbent was deleted and put back/,
  },
  {
    name: 'code that moves the incumbent while it is measured',
    code: `git update-ref ${INCUMBENT} main^`,
    outcome: 'tampered',
    reason: /incumbent was moved and put back/,
  },
  {
    name: "an agent that moves the experiment's branch",
    step: `git update-ref ${BRANCH} $(git rev-parse main^)`,
    outcome: 'tampered',
    reason: /heads\/autoresearch.* was moved and put back/,
  },
  {
    name: 'an agent that sets core.hooksPath',
    step: 'git config core.hooksPath /tmp/hooks',
    outcome: 'tampered',
    reason: /core\.hookspath/,
    warning: /core\.hookspath in \.git\/config/,
    check: ({ repository }) => expect(repository.git('config', 'core.hooksPath')).toBe('/tmp/hooks'),
  },
  {
    name: 'an agent that installs a hook',
    step: 'printf "#!/bin/sh\\n" > "$REPO"/.git/hooks/post-commit; chmod +x "$REPO"/.git/hooks/post-commit',
    outcome: 'tampered',
    reason: /hooks\/post-commit/,
  },
  {
    name: 'an agent that sets a filter and the attributes for it',
    options: { config: { target: 'value.sh, .gitattr*' } },
    step: 'git config filter.cheat.smudge "sed s/10/1/"; echo "value.sh filter=cheat" > .gitattributes',
    outcome: 'tampered',
    reason: /filter\.cheat\.smudge/,
  },
  {
    name: 'an agent that proposes attributes, which a glob of the target allows',
    options: { config: { target: 'value.sh, **/.gitattr*' } },
    step: 'mkdir sub; echo "* text eol=crlf" > sub/.gitattributes',
    outcome: 'tampered',
    reason: /sub\/\.gitattributes/,
  },
  {
    name: 'an agent that writes info/attributes',
    step: 'mkdir -p "$REPO"/.git/info; echo "* -text" > "$REPO"/.git/info/attributes',
    outcome: 'tampered',
    reason: /info\/attributes/,
  },
  {
    name: 'an agent that replaces the incumbent object',
    options: {},
    step: `git commit -qam cheat; git replace ${INCUMBENT} HEAD; git reset -q --soft ${INCUMBENT}; ${rewrites(scores(2))}`,
    outcome: 'tampered',
    reason: /refs\/replace/,
    check: (experiment) => expect(experiment.trial(2).incumbentMetric).toBe(10),
  },
  {
    name: 'an agent that proposes a link out of the repository',
    options: { config: { target: 'value.sh, data*' } },
    step: 'ln -s /etc/hostname data',
    outcome: 'out_of_scope',
    reason: /symlink data leads to \/etc\/hostname/,
  },
  {
    name: 'an agent that proposes a link to the evaluator, by way of another',
    options: { config: { target: 'value.sh, data/**' } },
    step: 'mkdir data; ln -s ../value.sh data/a; ln -s ../data/c data/b; ln -s ../bench.sh data/c',
    outcome: 'out_of_scope',
    reason: /decides how it is measured/,
  },
  {
    name: "an agent that proposes a link into git's own folder",
    options: { config: { target: 'value.sh, data*' } },
    step: 'ln -s .git/config data',
    outcome: 'out_of_scope',
    reason: /git's own/,
  },
  {
    name: 'an agent that changes a mode outside the target',
    step: 'chmod +x README.md',
    outcome: 'out_of_scope',
    reason: /README\.md/,
  },
  {
    name: 'an agent that hides work in a nested repository inside the target',
    options: { config: { target: 'value.sh, lib/**' } },
    step: 'git init -q lib && git -C lib -c user.name=x -c user.email=x@x commit -q --allow-empty -m x',
    outcome: 'out_of_scope',
    reason: /lib/,
  },
  {
    name: "an agent that commits on the user's branch",
    options: {},
    step: 'git switch -q feature; git commit -q --allow-empty -m cheat',
    outcome: 'tampered',
    reason: /committed on refs\/heads\/feature/,
    warning: /a commit was made on refs\/heads\/feature/,
    check: (experiment, run) => {
      const hint = run.events.flatMap((event) => (event.kind === 'notice' ? [event.hint ?? ''] : [])).join('\n');
      const [, command = ''] = /(git update-ref \S+ \S+ \S+)/.exec(hint) ?? [];
      experiment.repository.git(...command.split(' ').slice(1));
    },
  },
];

const JUDGE = `.autoresearch/${EXPERIMENT}/judge.sh`;

function experimentOf({ options }: Pick<Cheater, 'options'>): TestExperiment {
  const experiment = populated({ ...options, steps: [] });
  experiment.repository.write(JUDGE, '. ./value.sh\n');
  return experiment;
}

async function expectRefused(experiment: TestExperiment, cheaters: readonly Cheater[]): Promise<void> {
  const before = usersThings(experiment);
  planOf(experiment, cheaters);
  const run = await experiment.run({ maxExperiments: 2 * cheaters.length });
  const trials = experiment.trials();
  expect(trials.map(({ outcome, reason, verdict, metric }) => [outcome, verdict, metric, reason])).toEqual(
    cheaters.flatMap(({ outcome, reason }, index) => [
      [outcome, 'discard', null, expect.stringMatching(reason)],
      ['measured', 'keep', honestValue(index), expect.any(String)],
    ]),
  );
  expect(run.stop.reason).toBe('max_experiments');
  for (const { warning, check } of cheaters) {
    if (warning) expect(run.notices).toContainEqual(expect.stringMatching(warning));
    check?.(experiment, run);
  }
  const incumbent = trials.at(-1)?.candidateCommit;
  expect(experiment.ref('incumbent')).toBe(incumbent);
  expect(experiment.repository.git('rev-parse', BRANCH)).toBe(incumbent);
  expect(usersThings(experiment)).toBe(before);
}

describe('what a cheater tries is refused or undone, and the honest trial after it is kept:', () => {
  it('one after the other in one run', { timeout: 240_000 }, async () => {
    await expectRefused(
      experimentOf({}),
      REFUSED.filter(({ options }) => options === undefined),
    );
  });

  it.each(REFUSED.filter(({ options }) => options !== undefined))('$name', async (cheater) => {
    await expectRefused(experimentOf(cheater), [cheater]);
  });
});

it('code that prints a metric line of its own has no metric where only one line is allowed', async () => {
  const config = { metric_pick: 'only', evaluate_cmd: 'sh bench.sh && echo "score: 10"' };
  const experiment = populated({ config, value: ': nothing', steps: [rewrites(scores(1)), rewrites(': honest')] });
  await experiment.run({ maxExperiments: 2 });
  expect(experiment.course()).toEqual(['metric_error crash', 'measured discard']);
  expect(experiment.trial(1).reason).toMatch(
    /2 lines match where metric_pick = only allows one: .*score: 1.*score: 10/,
  );
});

it('code that leaves a writer behind is measured, and the writer is ended before it writes', async () => {
  const code = `(sleep 0.3; echo "echo score: 0" > bench.sh) >/dev/null 2>&1 &\n${scores(9)}`;
  const experiment = populated({ steps: [rewrites(code), rewrites(scores(8))] });
  await experiment.run({ maxExperiments: 2 });
  expect(experiment.course()).toEqual(['measured keep', 'measured keep']);
  expect(experiment.trial(2).metric).toBe(8);
  expect(readFileSync(join(experiment.workspace, 'bench.sh'), 'utf8')).toBe('. ./value.sh\n');
});
