import { describe, expect, it } from 'vitest';
import { type Mount, sandboxArguments } from '../../src/process/sandbox.js';

const mounts: readonly Mount[] = [
  { kind: 'empty', path: '/run' },
  { kind: 'writable', path: '/tmp', source: '/state/tmp' },
  { kind: 'read_only', path: '/home/me/.netrc', source: '/state/nothing' },
  { kind: 'read_only', path: '/repo' },
  { kind: 'device', path: '/dev/dri' },
];

describe('the arguments of bwrap', () => {
  it('show everything read-only first, then each mount in its order, and seal empty folders last', () => {
    expect(sandboxArguments({ mounts, network: true }, { cwd: '/work', isRoot: false }).join(' ')).toBe(
      '--die-with-parent --unshare-pid --as-pid-1 --unshare-ipc --cap-drop ALL ' +
        '--ro-bind / / --dev /dev --proc /proc ' +
        '--tmpfs /run --bind /state/tmp /tmp --ro-bind /state/nothing /home/me/.netrc --ro-bind /repo /repo ' +
        '--dev-bind /dev/dri /dev/dri --remount-ro /run --chdir /work --',
    );
  });

  it('cut off the network only when asked to', () => {
    expect(sandboxArguments({ mounts: [], network: false }, { cwd: '/', isRoot: false })).toContain('--unshare-net');
    expect(sandboxArguments({ mounts: [], network: true }, { cwd: '/', isRoot: false })).not.toContain('--unshare-net');
  });

  it('seal the files of the kernel from root, whom the rights on them would let write', () => {
    const words = sandboxArguments({ mounts: [], network: true }, { cwd: '/', isRoot: true });
    expect(words.join(' ')).toContain('--proc /proc --remount-ro /proc');
  });

  it('keep odd paths whole and never let one be read as an option', () => {
    const path = '/with space/--bind';
    const words = sandboxArguments(
      { mounts: [{ kind: 'writable', path }], network: true },
      { cwd: path, isRoot: false },
    );
    expect(words.filter((word) => word === path)).toHaveLength(3);
    expect(words.at(-1)).toBe('--');
  });
});
