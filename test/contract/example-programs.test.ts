import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SearchProposer } from '../../src/propose/search/index.js';
import { collectParameters, type Parameter } from '../../src/propose/search/markers.js';
import { dimensionOf, sizeOf } from '../../src/propose/search/space.js';
import { searchContext } from '../helpers/search.js';

const ROOT = join(import.meta.dirname, '../..');

interface Sample {
  readonly name: string;
  /** Where the files come from, and where they stand in the repository that is measured. */
  readonly source: string;
  readonly destination: string;
  readonly config: string;
  readonly targets: readonly string[];
}

const SAMPLES: readonly Sample[] = [
  {
    name: 'the demo',
    source: 'templates/demo',
    destination: '.',
    config: 'templates/demo/config.cfg',
    targets: ['parse', 'reader', 'report', 'routes', 'slowest', 'visitors'].map((file) => `src/${file}.mjs`),
  },
  ...['sieve-speed/sieve.mjs', 'archive-size/pack.mjs'].map((target) => {
    const folder = `.autoresearch.example/engineering/${target.split('/')[0]}`;
    const targets = [`.autoresearch.example/engineering/${target}`];
    return { name: folder, source: folder, destination: folder, config: `${folder}/config.cfg`, targets };
  }),
];

/** Needs this very program to measure itself: test/integration/medium-ctr.test.ts runs it. */
const JUDGED: Sample = {
  name: '.autoresearch.example/marketing/medium-ctr',
  source: '.autoresearch.example/marketing/medium-ctr',
  destination: '.autoresearch.example/marketing/medium-ctr',
  config: '.autoresearch.example/marketing/medium-ctr/config.cfg',
  targets: ['.autoresearch.example/marketing/medium-ctr/article.md'],
};

let workspace = '';

beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'example with spaces '));
});

afterEach(async () => {
  await rm(workspace, { recursive: true, force: true });
});

async function setting(sample: Sample, key: string): Promise<string> {
  const text = await readFile(join(ROOT, sample.config), 'utf8');
  return new RegExp(`^${key} = (.+)$`, 'm').exec(text)?.[1] ?? '';
}

async function unpack(sample: Sample): Promise<void> {
  await cp(join(ROOT, sample.source), join(workspace, sample.destination), { recursive: true });
}

async function parametersOf(sample: Sample): Promise<Parameter[]> {
  const files = sample.targets.map(async (path) => ({ path, text: await readFile(join(workspace, path), 'utf8') }));
  return collectParameters(await Promise.all(files));
}

async function evaluate(sample: Sample): Promise<{ status: number | null; metric: number | null; errors: string }> {
  const command = await setting(sample, 'evaluate_cmd');
  const run = spawnSync('sh', ['-c', command], { cwd: workspace, encoding: 'utf8', timeout: 30_000 });
  const metric = new RegExp(`^${await setting(sample, 'metric')}: (\\d+(?:\\.\\d+)?)$`, 'm').exec(run.stdout)?.[1];
  return { status: run.status, metric: metric === undefined ? null : Number(metric), errors: run.stderr };
}

async function replace(path: string, from: string, to: string): Promise<void> {
  const text = await readFile(join(workspace, path), 'utf8');
  expect(text).toContain(from);
  await writeFile(join(workspace, path), text.replace(from, to));
}

describe.each(SAMPLES)('$name', (sample) => {
  beforeEach(() => unpack(sample));

  it('measures itself in its repository: exit 0 and the metric of its config.cfg', async () => {
    const { status, metric, errors } = await evaluate(sample);
    expect(errors).toBe('');
    expect(status).toBe(0);
    expect(metric).toBeGreaterThan(0);
  });
});

describe.each([...SAMPLES, JUDGED])('$name', (sample) => {
  beforeEach(() => unpack(sample));

  it('marks a space worth searching, and the search can change it', async () => {
    const parameters = await parametersOf(sample);
    expect(parameters.length).toBeGreaterThanOrEqual(4);
    expect(sizeOf(parameters.map(({ name, domain }) => dimensionOf(name, domain)))).toBeGreaterThan(100);
    const seed = Number(await setting(sample, 'seed'));
    const proposal = await new SearchProposer({ seed }).propose(searchContext(workspace, sample.targets));
    expect(proposal.kind).toBe('proposal');
    expect(await parametersOf(sample)).not.toEqual(parameters);
  });

  it('has a config.cfg whose target names its files, and a program.md with a goal', async () => {
    const target = await setting(sample, 'target');
    expect(sample.targets.map((path) => path.replace(/[^/]+$/, ''))).toContain(target.replace(/[^/]+$/, ''));
    expect(await setting(sample, 'kind')).toBe('search');
    expect(await readFile(join(ROOT, sample.config, '../program.md'), 'utf8')).toContain('## Goal');
  });
});

describe('what the samples teach', () => {
  it('the demo builds the same report with every choice', async () => {
    const [demo] = SAMPLES;
    if (!demo) throw new Error('no demo');
    await unpack(demo);
    await replace('src/parse.mjs', "'regex';", "'scan';");
    await replace('src/parse.mjs', 'REMEMBER_MINUTE = false', 'REMEMBER_MINUTE = true');
    await replace('src/routes.mjs', "'list';", "'map';");
    await replace('src/routes.mjs', "'insert';", "'count';");
    await replace('src/visitors.mjs', '= 20;', '= 12;');
    await replace('src/slowest.mjs', '= 20000;', '= 200;');
    expect(await evaluate(demo)).toMatchObject({ status: 0, errors: '' });
    await replace('src/parse.mjs', "'scan';", "'split';");
    await replace('src/routes.mjs', "'map';", "'object';");
    await replace('src/routes.mjs', "'count';", "'sort';");
    await replace('src/reader.mjs', '= 256;', '= 100000;');
    expect(await evaluate(demo)).toMatchObject({ status: 0, errors: '' });
  });

  it.each([
    ['src/visitors.mjs', '= 20;', '= 9;', 'the table of visitors is full'],
    ['src/slowest.mjs', '= 20000;', '= 90;', 'may have dropped'],
    ['src/slowest.mjs', 'entry.ms < this.#threshold', 'entry.ms > 1000', 'the report is wrong'],
  ])('the demo crashes rather than reports nonsense: %s %s -> %s', async (path, from, to, message) => {
    const [demo] = SAMPLES;
    if (!demo) throw new Error('no demo');
    await unpack(demo);
    await replace(path, from, to);
    const { status, metric, errors } = await evaluate(demo);
    expect(status).not.toBe(0);
    expect(metric).toBeNull();
    expect(errors).toContain(message);
  });

  it.each([
    [1, 'sieve.mjs', "'array';", "'bits';", true],
    [1, 'sieve.mjs', 'ODD_ONLY = false', 'ODD_ONLY = true', true],
    [1, 'sieve.mjs', 'prime * 2;', 'prime * 3;', false],
    [2, 'pack.mjs', "'text';", "'varint';", true],
    [2, 'pack.mjs', "'text';", "'wide';", true],
    [2, 'pack.mjs', "'text';", "'short';", false],
  ] as const)('sample %i, %s: %s -> %s is right: %s', async (index, file, from, to, right) => {
    const sample = SAMPLES[index];
    if (!sample) throw new Error('no sample');
    await unpack(sample);
    await replace(`${sample.source}/${file}`, from, to);
    const { status, metric } = await evaluate(sample);
    expect(status === 0).toBe(right);
    expect(metric !== null).toBe(right);
  });

  it('every sample experiment of the folder is one of those above', async () => {
    const folder = join(ROOT, '.autoresearch.example');
    const entries = await readdir(folder, { recursive: true });
    const configs = entries
      .filter((path) => path.endsWith('config.cfg'))
      .map((path) => `.autoresearch.example/${path}`);
    expect(configs.sort()).toEqual([...SAMPLES.slice(1), JUDGED].map(({ config }) => config).sort());
  });
});
