import { describe, expect, it } from 'vitest';
import { doNotPay, renderAudit } from '../../src/dashboard/audit-view.js';
import { proofOf } from '../../src/dashboard/proof.js';
import { lastAudit } from '../../src/loop/audit.js';
import { RunAborted } from '../../src/loop/context.js';
import { StopSwitch } from '../../src/loop/stop-switch.js';
import { audit, sumExperiment } from '../helpers/audits.js';
import { present } from '../helpers/process.js';

const STYLE = { width: 120, colour: false, unicode: true };
const SUBJECT = { name: 'custom/score', metric: 'score' };

describe('an audit', () => {
  it('names exactly the planted change that does nothing, and verifies the whole', async () => {
    const experiment = await sumExperiment({
      noisy: true,
      trials: [{ 'a.sh': 'a=60' }, { 'c.sh': 'c=100 # faster' }, { 'b.sh': 'b=70' }],
    });
    const before = experiment.fingerprint();
    const { progress, ...report } = await audit(experiment);
    expect(experiment.fingerprint()).toBe(before);
    const changes = present(report.changes);
    expect(changes.map(({ number, kind }) => [number, kind])).toEqual([
      [1, 'measured'],
      [2, 'measured'],
      [3, 'measured'],
    ]);
    expect(doNotPay(changes).map(({ number, effect }) => [number, effect])).toEqual([[2, 'none_seen']]);
    expect(changes.filter((change) => change.kind === 'measured' && change.sure)).toHaveLength(2);
    const whole = present(report.whole);
    expect(whole).toMatchObject({ exact: false, change: { unit: 'percent', pairs: 6 } });
    expect(whole.change.low).toBeLessThan((230 / 300 - 1) * 100);
    expect(whole.change.high).toBeGreaterThan((230 / 300 - 1) * 100);
    expect(progress.map(({ what }) => what).filter((what, i, all) => what !== all[i - 1])).toEqual([
      'the whole',
      'change 1 of 3',
      'change 2 of 3',
      'change 3 of 3',
    ]);
    expect(progress.at(-1)).toMatchObject({ pair: 6, pairs: 6 });
    const text = renderAudit(report, SUBJECT, STYLE);
    expect(text).toMatch(/#0002 .* no effect seen .*change 2/);
    expect(text).toContain('These kept changes do not pay: #2');
    expect(text).toContain('autoresearch finish --experiment custom/score --without 2\n');
    expect(text).toContain('Only what is verified here is a gain.');
    // The record says the same, and everything that shows the experiment now calls the gain verified.
    expect(experiment.read(lastAudit)?.report).toEqual(report);
    expect(experiment.read(proofOf)).toEqual({ kind: 'verified', change: whole.change });
    expect(experiment.results()).toHaveLength(4);
    // A shorter one later says less, and replaces nothing.
    await audit(experiment, { pairs: 2 });
    expect(experiment.read(proofOf)).toEqual({ kind: 'verified', change: whole.change });
  });

  it('needs two pairs where the metric repeats exactly, and finds harm', async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [{ 'a.sh': 'a=60' }, { 'b.sh': 'b=110' }, { 'c.sh': 'c=100 # the same' }],
    });
    const { progress, ...report } = await audit(experiment, { pairs: 20 });
    expect(progress).toHaveLength(2 * 4);
    expect(report.whole).toMatchObject({ from: [300, 300], to: [270, 270], exact: true });
    expect(report.changes).toMatchObject([
      { number: 1, effect: 'pays', sure: true },
      { number: 2, effect: 'harms', sure: true },
      { number: 3, effect: 'none_seen', sure: false },
    ]);
    const text = renderAudit(report, SUBJECT, STYLE);
    expect(text).toContain('score: verified -10.0 %, exactly: 2 pairs, all alike');
    expect(text).toContain('--without 2,3');
    expect(text).not.toContain('may still do something');
  });

  it('says which changes do not come off cleanly, and of which nothing is left', async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [
        { 'a.sh': 'a=60' },
        { 'a.sh': 'a=50' },
        { 'b.sh': 'b=100 # noted' },
        { 'b.sh': 'b=100', 'c.sh': 'c=90' },
      ],
    });
    const { progress: _, ...report } = await audit(experiment);
    expect(report.changes).toMatchObject([
      { number: 1, kind: 'entangled', trials: [2], paths: ['parts/a.sh'] },
      { number: 2, kind: 'measured', effect: 'pays' },
      { number: 3, kind: 'gone' },
      { number: 4, kind: 'measured', effect: 'pays' },
    ]);
    const text = renderAudit(report, SUBJECT, STYLE);
    expect(text).toContain('does not come off: #2 builds on it');
    expect(text).toContain('nothing of it is left');
  });

  it('calls a change needed without which the code cannot be measured', async () => {
    const experiment = await sumExperiment({
      noisy: false,
      trials: [{ '0.sh': 'base=80' }, { 'b.sh': 'b=$base; [ "$b" ] || exit 3' }],
    });
    const { changes } = await audit(experiment, { only: 'changes' });
    expect(changes).toMatchObject([
      { number: 1, kind: 'needed', reason: expect.stringContaining('cannot be measured') },
      { number: 2, kind: 'measured', effect: 'pays' },
    ]);
  });

  it('that is ended leaves no half study, keeps the audit before it, and the next run goes on', async () => {
    const experiment = await sumExperiment({ noisy: false, trials: [{ 'a.sh': 'a=60' }] });
    const { progress: _, ...first } = await audit(experiment);
    const stop = new StopSwitch();
    const ended = audit(experiment, { stop, tell: ({ what }) => what !== 'the whole' && stop.now('interrupted') });
    await expect(ended).rejects.toThrow(RunAborted);
    expect(experiment.read((store) => store.openTrial())).toBeNull();
    expect(
      experiment
        .attempts()
        .filter(({ kind }) => kind === 'audit')
        .map(({ outcome }) => outcome),
    ).toEqual(['measured', 'interrupted']);
    expect(experiment.read(lastAudit)?.report).toEqual(first);
    experiment.plan([`printf 'b=50\\n' > parts/b.sh`]);
    await experiment.run({ maxExperiments: 1 });
    expect(experiment.trials().map(({ number, verdict }) => [number, verdict])).toEqual([
      [1, 'keep'],
      [2, 'keep'],
    ]);
  });

  it('counts from another commit when told, and refuses where nothing was kept', async () => {
    const experiment = await sumExperiment({ noisy: false, trials: [{ 'a.sh': 'a=60' }, { 'b.sh': 'b=70' }] });
    const first = present(experiment.trial(1).candidateCommit);
    const report = await audit(experiment, { from: first });
    expect(report).toMatchObject({
      start: first,
      whole: { from: [260, 260], to: [230, 230] },
      changes: [{ number: 2 }],
    });
    await expect(audit(experiment, { from: 'nowhere' })).rejects.toMatchObject({ code: 'usage' });
    await expect(audit(experiment, { from: experiment.ref('incumbent') })).rejects.toMatchObject({ code: 'usage' });
    expect(experiment.read(proofOf)).toEqual({ kind: 'exact' });
  });
});
