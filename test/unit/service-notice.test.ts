import { describe, expect, it } from 'vitest';
import { runnerRestarted } from '../../src/service/notice.js';

describe('the notice of a restart', () => {
  it('says what goes on, and under systemd when nobody will be told any more', () => {
    const by = (underSystemd: boolean) => runnerRestarted(7, { underSystemd });
    expect(by(false)).toMatchObject({ event: 'runner_restarted', at: 7, text: expect.not.stringContaining('five') });
    expect(by(true).text).toMatch(
      /goes on from there; after five such ends .* given up \(autoresearch service status\)/,
    );
  });
});
