import { chmod, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Json } from '../../src/core/json.js';
import { SearchProposer } from '../../src/propose/search/index.js';
import { searchContext, settled } from '../helpers/search.js';

const PROGRAM = [
  'const CHUNK = 64; // autoresearch: int 16..4096 log',
  "const MODE = 'fast'; // autoresearch: choice fast safe tiny",
  'export const work = () => CHUNK + MODE.length;\r',
  'let cache = false; // autoresearch: bool',
].join('\n');

let workspace = '';

beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), "search it's $HOME "));
  await writeFile(join(workspace, 'a.js'), PROGRAM);
});

afterEach(async () => {
  await rm(workspace, { recursive: true, force: true });
});

const read = (path = 'a.js') => readFile(join(workspace, path), 'utf8');

async function propose(proposer: SearchProposer, targets = ['a.js'], metric: number | null = null): Promise<string> {
  const proposal = await proposer.propose(searchContext(workspace, targets, { metric }));
  return proposal.kind === 'proposal' ? proposal.description : `nothing: ${proposal.reason}`;
}

/** What the program "takes": smaller with a larger chunk, the tiny mode and the cache; some settings crash. */
function measured(text: string): number | null {
  const chunk = Number(/CHUNK = (\d+)/.exec(text)?.[1]);
  if (chunk > 3000) return null;
  return 1000 / chunk + (text.includes("'tiny'") ? 0 : 5) + (text.includes('cache = true') ? 0 : 7);
}

/** One trial as the loop does it: propose, measure, judge, put the files back when it was no keep. */
async function trial(proposer: SearchProposer, number: number): Promise<string> {
  const before = await read();
  const description = await propose(proposer, ['a.js'], measured(before));
  const metric = measured(await read());
  const kept = metric !== null && metric < (measured(before) ?? 0);
  if (!kept) await writeFile(join(workspace, 'a.js'), before);
  const verdict = metric === null ? 'crash' : kept ? 'keep' : 'discard';
  proposer.observe(settled({ number, outcome: metric === null ? 'crashed' : 'measured', verdict, metric }));
  return description;
}

describe('the search as a proposer', () => {
  it('changes marked literals in place and says which', async () => {
    const proposer = new SearchProposer({ seed: 1 });
    const description = await propose(proposer);
    const text = await read();
    expect(text).not.toBe(PROGRAM);
    const blank = (source: string) => source.replace(/= [^;]+;/g, '= _;');
    expect(blank(text)).toBe(blank(PROGRAM));
    for (const change of description.split(', ')) {
      const [, name, from, to] = /^(\w+) (\S+) -> (\S+)$/.exec(change) ?? [];
      expect(PROGRAM).toMatch(new RegExp(`${name} = '?${from}'?;`));
      expect(text).toMatch(new RegExp(`${name} = '?${to}'?;`));
    }
  });

  it('finds what makes the program fast', async () => {
    const proposer = new SearchProposer({ seed: 3 });
    for (let number = 1; number <= 40; number += 1) await trial(proposer, number);
    const text = await read();
    expect(text).toContain("MODE = 'tiny'");
    expect(text).toContain('cache = true');
    expect(measured(text)).toBeLessThan(1);
  });

  it('goes on after a restart at any trial exactly as without one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 0, max: 12 }), fc.boolean(), async (seed, restartAt, midTrial) => {
        const run = async (restarts: boolean) => {
          await writeFile(join(workspace, 'a.js'), PROGRAM);
          let proposer = new SearchProposer({ seed });
          const descriptions: string[] = [];
          for (let number = 0; number < 14; number += 1) {
            if (restarts && number === restartAt) {
              const files = await read();
              if (midTrial) await propose(proposer, ['a.js'], measured(files));
              const state: Json = JSON.parse(JSON.stringify(proposer.snapshot()));
              proposer = new SearchProposer({ seed: seed + 1 });
              proposer.restore(state);
              await writeFile(join(workspace, 'a.js'), files);
            }
            descriptions.push(await trial(proposer, number + 1));
          }
          return descriptions;
        };
        expect(await run(true)).toEqual(await run(false));
      }),
      { numRuns: 25 },
    );
  });

  it.each(['put back', 'left behind'])('repeats a proposal that was never judged, its files %s', async (files) => {
    const proposer = new SearchProposer({ seed: 11 });
    for (let number = 1; number <= 7; number += 1) await trial(proposer, number);
    const before = await read();
    const first = await propose(proposer);
    const proposed = await read();
    if (files === 'put back') await writeFile(join(workspace, 'a.js'), before);
    expect(await propose(proposer)).toBe(first);
    expect(await read()).toBe(proposed);
  });

  it.each(['interrupted', 'agent_error', 'not_started'] as const)(
    'asks again after a trial that was %s',
    async (outcome) => {
      const proposer = new SearchProposer({ seed: 5 });
      const first = await propose(proposer);
      proposer.observe(settled({ number: null, outcome, verdict: null, metric: null }));
      await writeFile(join(workspace, 'a.js'), PROGRAM);
      expect(await propose(proposer)).toBe(first);
    },
  );

  it('does not take a baseline for the verdict on its proposal', async () => {
    const proposer = new SearchProposer({ seed: 5 });
    proposer.observe(settled({ number: 0, outcome: 'measured', verdict: 'keep', metric: 10 }));
    const first = await propose(proposer);
    proposer.observe(settled({ number: null, outcome: 'measured', verdict: 'keep', metric: 10 }));
    await writeFile(join(workspace, 'a.js'), PROGRAM);
    expect(await propose(proposer)).toBe(first);
  });

  it.each(['out_of_scope', 'duplicate', 'no_change', 'check_failed'] as const)(
    'does not repeat a proposal that ended as %s',
    async (outcome) => {
      const proposer = new SearchProposer({ seed: 5 });
      const first = await propose(proposer);
      proposer.observe(settled({ number: 1, outcome, verdict: 'discard', metric: 1 }));
      await writeFile(join(workspace, 'a.js'), PROGRAM);
      expect(await propose(proposer)).not.toBe(first);
    },
  );

  it('starts from the values that a person put into the file', async () => {
    const proposer = new SearchProposer({ seed: 2 });
    await trial(proposer, 1);
    await writeFile(join(workspace, 'a.js'), 'const CHUNK = 999; // autoresearch: int 16..4096 log\n');
    expect(await propose(proposer)).toMatch(/^CHUNK 999 -> \d+$/);
  });

  it('has nothing left, for good, when every setting was tried', async () => {
    await writeFile(join(workspace, 'a.js'), 'x = a # autoresearch: choice a b\ny = no # autoresearch: bool\n');
    const proposer = new SearchProposer({ seed: 2 });
    const tried = new Set<string>();
    for (let number = 1; number <= 3; number += 1) {
      const before = await read();
      tried.add(await propose(proposer));
      await writeFile(join(workspace, 'a.js'), before);
      proposer.observe(settled({ number, outcome: 'measured', verdict: 'discard', metric: number }));
    }
    expect(tried.size).toBe(3);
    const nothing = await proposer.propose(searchContext(workspace, ['a.js']));
    expect(nothing).toMatchObject({ kind: 'nothing', outcome: 'no_change', final: true });
    expect(nothing).toHaveProperty('reason', 'every one of the 4 settings of the marked literals was tried');
  });

  it('searches over several files, and leaves bytes it cannot read, links and modes alone', async () => {
    const odd = Buffer.concat([
      Buffer.from('x = true # autoresearch: bool\r\n'),
      Buffer.from([0xe9, 0xff]),
      Buffer.from('\r\nno end'),
    ]);
    await mkdir(join(workspace, 'sub dir'));
    await writeFile(join(workspace, 'sub dir/latin.py'), odd);
    await chmod(join(workspace, 'sub dir/latin.py'), 0o755);
    await writeFile(join(workspace, 'outside.js'), 'y = 1 # autoresearch: int 1..9\n');
    await symlink('outside.js', join(workspace, 'link.js'));
    await writeFile(join(workspace, 'binary'), Buffer.from('\0 z = 1 # autoresearch: int 1..9\n'));
    const targets = ['sub dir/latin.py', 'link.js', 'binary', 'sub dir', 'gone.js', 'a.js/none'];
    expect(await propose(new SearchProposer({ seed: 1 }), targets)).toBe('x true -> false');
    const bytes = await readFile(join(workspace, 'sub dir/latin.py'));
    expect(bytes).toEqual(Buffer.concat([Buffer.from('x = false'), odd.subarray('x = true'.length)]));
    expect((await lstat(join(workspace, 'sub dir/latin.py'))).mode & 0o777).toBe(0o755);
    expect(await read('outside.js')).toBe('y = 1 # autoresearch: int 1..9\n');
  });

  it('names the cure when nothing is marked', async () => {
    await writeFile(join(workspace, 'a.js'), 'const CHUNK = 64;\n');
    await expect(propose(new SearchProposer({ seed: 1 }))).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('no marked literal in a.js'),
      hint: expect.stringContaining('autoresearch: int'),
    });
  });

  it('changes no file when one marker is wrong', async () => {
    await writeFile(join(workspace, 'b.js'), 'x = 5 // autoresearch: int 9..1\n');
    await expect(propose(new SearchProposer({ seed: 1 }), ['a.js', 'b.js'])).rejects.toThrow(/^b\.js:1: /);
    expect(await read()).toBe(PROGRAM);
  });

  it.each([null, 7, {}, { state: { version: 2 }, pending: null }])(
    'refuses a state that it did not write: %j',
    (state) => {
      expect(() => new SearchProposer({ seed: 1 }).restore(state)).toThrow(/saved state of the search/);
    },
  );
});
