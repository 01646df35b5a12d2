import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeSearchPath } from '../../src/evaluate/environment.js';

describe('the search path of a measurement', () => {
  it('has no empty or relative entry, and none in the folder of the candidate', () => {
    expect(safeSearchPath('/usr/bin::.:bin:/work/x/bin:/work/x:/work/xy:/work/y/../x/bin', '/work/x')).toEqual({
      path: '/usr/bin:/work/xy',
      removed: ['', '.', 'bin', '/work/x/bin', '/work/x', '/work/y/../x/bin'],
    });
    expect(safeSearchPath('/work/x/bin:/bin', null).path).toBe('/work/x/bin:/bin');
  });

  it('keeps the rest in its order, and is safe itself', () => {
    const entry = fc.constantFrom('', '.', 'a', '/a', '/a/b', '/b', '/ab', './c', '/a/../b', '/b/../a');
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const { path, removed } = safeSearchPath(entries.join(':'), '/a');
        const kept = path.split(':').filter(Boolean);
        expect(kept.length + removed.length).toBe(Math.max(entries.length, 1));
        expect(kept).toEqual(entries.filter((each) => ['/b', '/ab', '/a/../b'].includes(each)));
        if (path !== '') expect(safeSearchPath(path, '/a')).toEqual({ path, removed: [] });
      }),
    );
  });
});
