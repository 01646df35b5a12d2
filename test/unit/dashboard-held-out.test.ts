import { describe, expect, it } from 'vitest';
import {
  type FinalPick,
  finalPickCommand,
  finalPickText,
  isBelowProposal,
  withoutHeldOutNumber,
  withoutHoldout,
} from '../../src/dashboard/held-out.js';
import { renderResults } from '../../src/dashboard/results.js';
import { runSummary } from '../../src/dashboard/summary.js';
import { renderTrial } from '../../src/dashboard/trial-view.js';
import { finalCommit } from '../../src/store/final-choice.js';
import { measurementRow, trialRow, view } from '../helpers/dashboard.js';

const STYLE = { width: 100, colour: false, unicode: true };
const NAME = { domain: 'engineering', name: 'api-speed' };
const PICK: FinalPick = {
  ...{ metric: 'val_loss', trial: 3, commit: 'c'.repeat(40), value: 0.91, incumbentValue: 0.93 },
  ...{ isIncumbent: false, among: 5 },
};

describe('the final choice', () => {
  it('is the best by the held-out number, of equals the newest, never one that was not measured', () => {
    const commits = [0.9, 0.8, 0.8, null, 0.85].map((value, trial) => ({ trial, commit: `c${trial}`, value }));
    const choice = { metric: 'val_loss', commits };
    expect(finalCommit({ ...choice, direction: 'lower' })?.trial).toBe(2);
    expect(finalCommit({ ...choice, direction: 'higher' })?.trial).toBe(0);
    expect(finalCommit({ ...choice, direction: 'lower', commits: commits.slice(3, 4) })).toBeNull();
  });

  it('is told with both values and with the command that shows it', () => {
    expect(finalPickText(PICK)).toBe('by val_loss the best of 5 kept commits is trial 3: 0.91, the best code has 0.93');
    expect(finalPickCommand(NAME, PICK)).toBe('git switch --detach refs/autoresearch/engineering/api-speed/trials/3');
    expect(finalPickCommand(NAME, { ...PICK, trial: 0 })).toBe(`git switch --detach ${PICK.commit}`);
    expect(finalPickCommand(NAME, { ...PICK, isIncumbent: true })).toBeNull();
    expect(finalPickText({ ...PICK, isIncumbent: true })).toContain('the best code is the best of 5');
  });

  it('stands in the last words of a run', () => {
    const text = runSummary(
      {
        view: { ...view(), final: PICK },
        counts: { kept: 4, discarded: 1, crashed: 0 },
        ...{ stopReason: 'max_trials', stopDetail: '', activeSeconds: 60, incumbentCommit: 'a'.repeat(40) },
        ...{ branch: 'autoresearch/engineering/api-speed', inCheckout: false },
      },
      STYLE,
    );
    expect(text).toContain('by val_loss the best of 5 kept commits is trial 3');
    expect(text).toContain('git switch --detach refs/autoresearch/engineering/api-speed/trials/3');
  });
});

describe('held-out values', () => {
  const refused = trialRow({
    ...{
      outcome: 'check_failed',
      verdict: 'discard',
      metric: null,
      holdout: 0.95,
      reason: 'it failed the held-out check',
    },
    statistics: {
      pairs: 5,
      checks: [{ name: 'loss', passed: true, found: 'val_loss 0.95, at most 1', seconds: null }],
      holdout: { metric: 'val_loss', candidate: 0.95, incumbent: 0.91, allowed: 0.92 },
    },
  });

  it('have a column only where a trial has one', () => {
    const results = { view: view(), earlierTrials: 0, heldOut: 'val_loss', secondsByTrial: new Map() };
    expect(renderResults({ ...results, trials: [trialRow()] }, 'terminal', STYLE)).not.toContain('HOLDOUT');
    expect(renderResults({ ...results, trials: [trialRow()] }, 'csv', STYLE)).not.toContain('Held-out');
    const lines = renderResults({ ...results, trials: [trialRow(), refused] }, 'csv', STYLE).split('\n');
    const [heads = [], , cells = []] = lines.map((line) => line.split(','));
    expect(cells[heads.indexOf('Held-out value')]).toBe('0.95');
  });

  it('are shown to people with what they were compared with', () => {
    const details = { experiment: NAME, metric: 'p50_ms', direction: 'lower', measurements: [], diff: null } as const;
    const text = renderTrial({ ...details, trial: refused }, 'terminal', STYLE);
    expect(text).toContain('val_loss 0.95   the incumbent has 0.91, the worst that passes is 0.92');
  });

  it('are not shown inside a proposal', () => {
    expect(isBelowProposal({ PATH: '/bin' })).toBe(false);
    expect(isBelowProposal({ AUTORESEARCH_MARK_0: '1' })).toBe(true);
    expect(JSON.stringify(withoutHoldout(refused))).not.toContain('0.9');
    expect(withoutHoldout(refused).statistics).toEqual({ pairs: 5 });
    const row = measurementRow({ secondary: { val_loss: 0.95, p95_ms: 3 } });
    expect(withoutHeldOutNumber(row, 'val_loss').secondary).toEqual({ p95_ms: 3 });
    expect(withoutHeldOutNumber({ ...row, side: 'holdout', metric: 0.95 }, 'val_loss')).toMatchObject({
      metric: null,
      secondary: {},
    });
  });
});
