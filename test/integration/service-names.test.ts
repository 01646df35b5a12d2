import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { uninstall } from '../../src/cli/service-install.js';
import { forgive, openTarget } from '../../src/cli/service-target.js';
import { writeWhole } from '../../src/service/record.js';
import { EXPERIMENT, TestExperiment } from '../helpers/experiments.js';
import { temporaryFolder } from '../helpers/git.js';

/** A systemctl that agrees to everything; the files of a service lie in a folder of the test's own. */
beforeEach(() => {
  const bin = temporaryFolder();
  writeFileSync(join(bin, 'systemctl'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  vi.stubEnv('PATH', `${bin}:${process.env['PATH']}`);
  vi.stubEnv('XDG_CONFIG_HOME', temporaryFolder());
  vi.stubEnv('XDG_STATE_HOME', temporaryFolder());
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe.skipIf(process.platform !== 'linux')('the service of an experiment', () => {
  it('is not forgotten when a service of another name is to be removed', async () => {
    const experiment = new TestExperiment({ steps: [] });
    const place = { experiment: EXPERIMENT, path: experiment.repository.path };
    const nightly = await openTarget({ ...place, name: 'nightly' });
    writeWhole(nightly.manager.path, '', 0o644);
    forgive(nightly, { program: [], commonDir: nightly.repository.commonDir });

    await uninstall({ ...place, name: 'nope' });
    expect((await openTarget(place)).name).toBe('autoresearch-nightly');
    await uninstall(place);
    expect(existsSync(nightly.manager.path)).toBe(false);
    expect((await openTarget(place)).name).not.toBe('autoresearch-nightly');
  });
});
