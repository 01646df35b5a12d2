import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepository } from '../../src/git/open.js';
import { ExperimentRefs } from '../../src/git/refs.js';
import { Repository } from '../../src/git/repository.js';
import { repositoryAt, type TemporaryRepository, temporaryFolder, temporaryRepository } from '../helpers/git.js';

const TRIALS = 'refs/autoresearch/engineering/speed/trials';
const PACKED = '.git/packed-refs';
const PACKING = '.git/autoresearch/engineering/speed/packing';
const NAME = { domain: 'engineering', name: 'speed' };

interface Place {
  readonly user: TemporaryRepository;
  readonly repository: Repository;
  readonly refs: ExperimentRefs;
}

/** Five trials, and refs of the user: a branch, a packed branch, a branch that went on after it was packed, a tag. */
async function place(user = temporaryRepository()): Promise<Place> {
  user.git('branch', 'packed');
  user.git('branch', 'went-on');
  user.git('pack-refs', '--all');
  user.git('commit', '--quiet', '--allow-empty', '-m', 'second');
  user.git('branch', 'loose');
  user.git('branch', '--force', 'went-on');
  user.git('tag', '-a', 'version-1', '-m', 'one');
  const repository = await openRepository(user.path);
  const refs = new ExperimentRefs(repository, NAME);
  await refs.initialise(user.head(), { branch: true });
  for (let number = 1; number <= 5; number += 1) await refs.createTrialRef(number, user.head());
  return { user, repository, refs };
}

const valuesOf = ({ git }: TemporaryRepository) =>
  git('for-each-ref', '--format=%(refname) %(objectname) %(*objectname)');
const looseTrials = ({ path }: TemporaryRepository, folder = TRIALS) =>
  existsSync(join(path, '.git', folder)) ? readdirSync(join(path, '.git', folder)) : [];

/** Reflogs, and the very files of refs that are not the trials'. */
function filesOf({ path }: TemporaryRepository): string[] {
  const below = (folder: string) =>
    readdirSync(join(path, '.git', folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
  return [...below('logs'), ...below('refs')]
    .filter((name) => !name.startsWith(`${TRIALS}/`))
    .map((name) => join(path, '.git', name))
    .filter((name) => statSync(name).isFile())
    .map((name) => `${name} ${statSync(name).ino} ${statSync(name).mtimeMs} ${readFileSync(name, 'utf8')}`);
}

describe('the refs of trials, packed', () => {
  it('keep their values and reflogs, and the refs of people and of other experiments stay in their files', async () => {
    const { user, repository, refs } = await place();
    const other = new ExperimentRefs(repository, { domain: 'engineering', name: 'speedier' });
    await other.createTrialRef(1, user.head());
    const [values, files] = [valuesOf(user), filesOf(user)];
    expect(looseTrials(user)).toHaveLength(5);
    expect(await refs.packTrials()).toBe(true);
    expect(looseTrials(user)).toEqual([]);
    expect(valuesOf(user)).toBe(values);
    expect(filesOf(user)).toEqual(files);
    expect(user.git('reflog', 'show', '--format=%H', `${TRIALS}/3`)).toBe(user.head());
    expect(user.read(PACKED)).not.toContain('version-1');
    expect(looseTrials(user, TRIALS.replace('speed', 'speedier'))).toEqual(['1']);
    expect(user.has(PACKING)).toBe(false);
    user.git('fsck', '--strict');
  });

  it('go on as before: made, packed again, let go of, and dropped', async () => {
    const { user, refs } = await place();
    await refs.packTrials();
    await refs.createTrialRef(3, user.head());
    await refs.createTrialRef(6, user.head());
    expect(await refs.packTrials()).toBe(true);
    expect(looseTrials(user)).toEqual([]);
    await refs.createTrialRef(7, user.head());
    expect(await refs.forgetTrials(6, new Set([2]))).toBe(true);
    await refs.dropTrialRef(7);
    expect(user.git('for-each-ref', '--format=%(refname)', TRIALS)).toBe(`${TRIALS}/2`);
    expect(await refs.trial(2)).toBe(user.head());
    expect(user.has(PACKING)).toBe(false);
  });

  it('stay loose while another git holds the lock, which is nobody’s failure and stays', async () => {
    const { user, refs } = await place();
    const values = valuesOf(user);
    user.write(`${PACKED}.lock`, 'theirs');
    expect(await refs.packTrials()).toBe(false);
    expect(await refs.forgetTrials(4, new Set())).toBe(false);
    await refs.removeStaleLocks();
    expect(user.read(`${PACKED}.lock`)).toBe('theirs');
    expect(looseTrials(user)).toHaveLength(5);
    expect(valuesOf(user)).toBe(values);
    expect(user.has(PACKING)).toBe(false);
  });

  it('leave one that somebody holds where it is', async () => {
    const { user, refs } = await place();
    user.write(`.git/${TRIALS}/4.lock`, '');
    const values = valuesOf(user);
    await refs.packTrials();
    expect(looseTrials(user)).toEqual(expect.arrayContaining(['4', '4.lock']));
    expect(valuesOf(user)).toBe(values);
    expect(looseTrials(user)).toHaveLength(2);
  });

  it('are packed where objects have long names, and where the path has spaces', async () => {
    const path = join(temporaryFolder(), "it's a place");
    mkdirSync(path);
    const user = repositoryAt(path, temporaryFolder());
    user.git('init', '--quiet', '--object-format=sha256', '--initial-branch=main');
    user.git('-c', 'user.name=a', '-c', 'user.email=a@example.org', 'commit', '--quiet', '--allow-empty', '-m', 'one');
    user.git('config', 'user.name', 'a');
    user.git('config', 'user.email', 'a@example.org');
    const { refs } = await place(user);
    expect(user.head()).toHaveLength(64);
    expect(await refs.packTrials()).toBe(true);
    expect(looseTrials(user)).toEqual([]);
    expect(await refs.trial(5)).toBe(user.head());
  });

  it('stay loose where git writes packed refs without making them durable, and where refs are no files', async () => {
    const { user, repository } = await place();
    const old = new Repository({ ...placeOf(repository), gitVersion: [2, 38] }, repository.git);
    expect(await new ExperimentRefs(old, NAME).packTrials()).toBe(false);
    mkdirSync(join(user.path, '.git/reftable'));
    expect(await new ExperimentRefs(repository, NAME).packTrials()).toBe(false);
    expect(looseTrials(user)).toHaveLength(5);
  });

  it('are packed after a runner died over it: its lock goes, once it is old', async () => {
    const { user, refs } = await place();
    const values = valuesOf(user);
    mkdirSync(join(user.path, PACKING, 'refs'), { recursive: true });
    for (const name of [`${PACKED}.lock`, `${PACKED}.new`, `.git/${TRIALS}/2.lock`]) user.write(name, 'half');
    const old = new Date(Date.now() - 60_000);
    utimesSync(join(user.path, `${PACKED}.lock`), old, old);
    await refs.removeStaleLocks();
    for (const name of [`${PACKED}.lock`, `${PACKED}.new`, PACKING]) expect(user.has(name), name).toBe(false);
    expect(await refs.packTrials()).toBe(true);
    expect(valuesOf(user)).toBe(values);
    expect(looseTrials(user)).toEqual([]);
  });

  it('that are damaged already are told of, with the file left alone', async () => {
    const { user, refs } = await place();
    writeFileSync(join(user.path, PACKED), 'no such line\n');
    await expect(refs.packTrials()).rejects.toMatchObject({ code: 'repository' });
    expect(user.read(PACKED)).toBe('no such line\n');
    expect(user.has(PACKING)).toBe(false);
  });
});

function placeOf({ root, gitDir, commonDir, rootCommit, id }: Repository) {
  return { root, gitDir, commonDir, rootCommit, id };
}
