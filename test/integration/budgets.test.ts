import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Store } from '../../src/store/store.js';
import { BackgroundRun, type ConfigKeys, rewrites, scores, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';
import { newMark, present, until } from '../helpers/process.js';

/** What the agent does in one call: the value it writes, and the last event that it prints. */
interface Call {
  readonly value?: number;
  readonly event: object;
}

const done = (cost: number, more: object = {}) => ({
  ...{ type: 'result', subtype: 'success', is_error: false, result: 'DESCRIPTION: faster', num_turns: 2 },
  ...{ total_cost_usd: cost, permission_denials: [] },
  usage: { input_tokens: 100, cache_read_input_tokens: 0, cache_creation_input_tokens: 0, output_tokens: 20 },
  ...more,
});
const LIMITED = done(0, { is_error: true, result: "You've hit your session limit · try again in 2h 5m" });

/** A program called `claude` on PATH that speaks its protocol, call by call; the last call is repeated. */
function experimentWith(calls: readonly (Call | 'hang')[], limits: ConfigKeys): TestExperiment {
  const experiment = new TestExperiment({
    value: scores(100),
    config: { 'proposer.kind': 'agent', 'agent.preset': 'claude', ...limits },
  });
  const bin = temporaryFolder();
  for (const [index, call] of calls.entries()) {
    if (call === 'hang') {
      writeFileSync(join(bin, `call-${index + 1}.sh`), `: > "${bin}/hangs"; exec sleep 600\n`);
      continue;
    }
    const { value, event } = call;
    const edit = value === undefined ? '' : `printf '%s\\n' '${scores(value)}' > value.sh\n`;
    writeFileSync(join(bin, `call-${index + 1}.sh`), `${edit}cat <<'EOF'\n${JSON.stringify(event)}\nEOF\n`);
  }
  const program = `#!/bin/sh
[ "$1" = --version ] && exec echo '1.2.3 (Claude Code)'
cat > "${bin}/prompt"; printf '%s\\n' "$@" > "${bin}/argv"
call=$(( $(cat "${bin}/count" 2>/dev/null || echo 0) + 1 )); echo $call > "${bin}/count"
[ -f "${bin}/call-$call.sh" ] || call=${calls.length}
. "${bin}/call-$call.sh"
`;
  writeFileSync(join(bin, 'claude'), program);
  chmodSync(join(bin, 'claude'), 0o755);
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  return experiment;
}

/** The folder of that program. */
function binOf(): string {
  return present(process.env['PATH']?.split(':')[0]);
}

describe('a budget', () => {
  it('of the experiment ends the run, and what went over it is not kept', async () => {
    const calls = [90, 80, 70].map((value) => ({ value, event: done(0.4) }));
    const experiment = experimentWith(calls, { 'limits.max_cost_usd': 1 });
    const { stop } = await experiment.run();
    expect(stop).toMatchObject({ reason: 'max_cost', detail: expect.stringContaining('$1.20 are spent') });
    expect(experiment.course()).toEqual(['measured keep', 'measured keep', 'over_budget discard']);
    expect(experiment.read((store) => store.spent())).toMatchObject({ tokens: 360, unknownCosts: 0 });
    expect(experiment.trial(3).reason).toContain('more than max_cost_usd = 1');
    expect(experiment.measurements(3)).toEqual([]);
  });

  it('of one proposal is told to the agent, and a proposal that cost more is not kept; the next one is', async () => {
    const calls = [
      { value: 90, event: done(0.6) },
      { value: 80, event: done(0.4) },
    ];
    const experiment = experimentWith(calls, { 'limits.max_cost_per_trial_usd': 0.5 });
    await experiment.run({ maxExperiments: 2 });
    expect(experiment.course()).toEqual(['over_budget discard', 'measured keep']);
    const { spending } = experiment.trial(2);
    expect(spending).toEqual({ costUsd: 0.4, costSource: 'reported', tokens: 120, denials: [] });
  });

  it('of tokens ends the run', async () => {
    const calls = [90, 80, 70].map((value) => ({ value, event: done(0.1) }));
    const experiment = experimentWith(calls, { 'limits.max_tokens': 240 });
    expect((await experiment.run()).stop.reason).toBe('max_tokens');
    expect(experiment.course()).toEqual(['measured keep', 'measured keep']);
  });

  it('cannot be kept where the cost is unknown, which is said instead of counted as nothing', async () => {
    const { total_cost_usd: _, ...unknown } = done(0);
    const experiment = experimentWith([{ value: 90, event: unknown }], { 'limits.max_cost_usd': 5 });
    const { stop, exitCode } = await experiment.run();
    expect(stop).toMatchObject({ reason: 'cost_unknown', hint: expect.stringContaining('max_cost_usd') });
    expect(exitCode).toBe(10);
    expect(experiment.trial(1).spending).toMatchObject({ costUsd: null, costSource: 'unknown', tokens: 120 });
  });

  it('is spent by proposals that come to nothing, too', async () => {
    const experiment = experimentWith([{ event: done(0.6) }], { 'limits.max_cost_usd': 1 });
    const { stop } = await experiment.run();
    expect(stop.reason).toBe('max_cost');
    expect(experiment.course()).toEqual(['no_change', 'no_change']);
  });
});

describe('what judges cost', () => {
  it.each([
    ['is spent', 'judge_cost_usd: 1.5', 'max_cost'],
    ['is unknown, not nothing, where they do not say', 'no price', 'cost_unknown'],
    ['is unknown where it is less than nothing', 'judge_cost_usd: -50', 'cost_unknown'],
  ])('%s', async (_, line, reason) => {
    const experiment = new TestExperiment({
      value: `${scores(100)}\necho "judge_calls: 2"\necho "${line}"`,
      config: { 'limits.max_cost_usd': 1 },
      steps: [rewrites(scores(9))],
    });
    expect((await experiment.run()).stop.reason).toBe(reason);
    expect(experiment.trials().filter(({ kind }) => kind === 'trial')).toEqual([]);
  });
});

describe('a call that was cut short', () => {
  const dear = { value: 90, event: done(0.4) };
  const costs = (experiment: TestExperiment) =>
    experiment.attempts().flatMap(({ spending }) => (spending === null ? [] : [spending]));

  it('by a stop is charged like the dearest so far, not like nothing', async () => {
    const experiment = experimentWith([dear, 'hang'], { 'limits.max_cost_usd': 1 });
    const run = new BackgroundRun(experiment);
    await run.seen('proposing', 2);
    await until('the agent is called', () => existsSync(join(binOf(), 'hangs')));
    run.stop.now('terminated');
    await run.finished;
    expect(costs(experiment)).toEqual([
      { costUsd: 0.4, costSource: 'reported', tokens: 120, denials: [] },
      { costUsd: 0.4, costSource: 'estimated', tokens: 120, denials: [] },
    ]);
  });

  it('by its time limit is charged like the dearest so far too, and the night goes on', async () => {
    const last = { value: 70, event: done(0.1) };
    const experiment = experimentWith([dear, 'hang', last], { 'limits.max_cost_usd': 1, 'agent.idle_minutes': 0.02 });
    await experiment.run({ maxExperiments: 2 });
    expect(costs(experiment)).toMatchObject([
      { costUsd: 0.4, costSource: 'reported' },
      { costUsd: 0.4, costSource: 'estimated', tokens: 120 },
      { costUsd: 0.1, costSource: 'reported' },
    ]);
  });

  it.each([
    ['like the dearest so far', [dear], {}, { costUsd: 0.4, costSource: 'estimated', tokens: 120 }],
    [
      'like the most that one may cost',
      [],
      { 'limits.max_cost_per_trial_usd': 2 },
      { costUsd: 2, costSource: 'estimated', tokens: null },
    ],
    ['as unknown where nobody knows', [], {}, { costUsd: null, costSource: 'unknown', tokens: null }],
  ])('by the end of the runner is charged %s', async (_, calls, limits, charged) => {
    const experiment = experimentWith([...calls, { event: done(0) }], limits);
    await experiment.run({ mode: 'baseline' });
    if (calls.length > 0) await experiment.run({ maxExperiments: 1 });
    const store = Store.create(join(experiment.state, 'store.sqlite'));
    const open = store.beginTrial({
      ...{ kind: 'trial', sessionId: store.beginSession(0).id, revision: 1, proposer: 'agent' },
      ...{ incumbentCommit: experiment.ref('incumbent'), mark: newMark(), retryOf: null, now: Date.now() },
    });
    store.recordProposerProcess(open.id, { pid: 2 ** 22 - 1, startTime: '1', bootId: 'another boot' });
    store.close();
    await experiment.run({ mode: 'baseline' });
    expect(costs(experiment).at(-1)).toMatchObject(charged);
  });
});

describe('an agent at its rate limit', () => {
  it('cost nothing where it was turned away at once: a budget of money waits with it', async () => {
    const refused = { ...LIMITED, usage: { input_tokens: 0, output_tokens: 0 } };
    const experiment = experimentWith([{ event: refused }], { 'limits.max_cost_usd': 1, 'limits.max_tokens': 1000 });
    const run = new BackgroundRun(experiment);
    await run.seen('waiting');
    expect((await run.end()).stop.reason).toBe('stopped');
    expect(experiment.read((store) => store.spent())).toMatchObject({ usd: 0, unknownCosts: 0, unknownTokens: 0 });
  });

  it('is waited for; that is no trial, no idle proposal and no crash, and a stop ends the wait at once', async () => {
    const experiment = experimentWith([{ event: LIMITED }], { 'limits.max_idle_proposals': 1 });
    const before = Date.now();
    const run = new BackgroundRun(experiment);
    await run.seen('waiting');
    const wait = present(run.events.find((event) => event.kind === 'waiting'));
    expect(wait).toMatchObject({ reason: 'the agent is at its rate limit' });
    const minutes = ((wait.kind === 'waiting' ? wait.untilMs : 0) - before) / 60_000;
    expect(minutes).toBeGreaterThan(120);
    expect(minutes).toBeLessThan(130);
    expect((await run.end()).stop.reason).toBe('stopped');
    expect(experiment.course()).toEqual(['agent_error']);
    expect(experiment.trials()).toEqual([]);
  });
});

describe('what an agent was denied', () => {
  it('is the reason why nothing happened, and is on record', async () => {
    const denied = done(0.1, { permission_denials: [{ tool_name: 'Bash', tool_input: { command: 'npm test' } }] });
    const experiment = experimentWith([{ event: denied }], { 'limits.max_idle_proposals': 1 });
    expect((await experiment.run()).stop.reason).toBe('proposer_gave_up');
    const attempt = present(experiment.attempts().at(-1));
    expect(attempt).toMatchObject({ outcome: 'no_change', reason: expect.stringContaining('denied') });
    expect(attempt.spending?.denials.join()).toContain('Bash');
  });
});
