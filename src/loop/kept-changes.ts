import type { Repository } from '../git/repository.js';
import type { MergedTrees } from '../git/three-way.js';
import { leaveOut } from '../git/three-way.js';
import type { StoreReader } from '../store/reader.js';

/** The kept changes between two commits of an experiment's line: what each changed, and which of them belong together. */
export interface KeptChange {
  readonly number: number;
  /** Untrusted text. */
  readonly description: string;
  /** The incumbent that it was judged on, and the kept commit. */
  readonly before: string;
  readonly after: string;
  /** The values it was kept by. */
  readonly metric: number | null;
  readonly incumbentMetric: number | null;
  /** Everything it changed; bytes as latin1, so that any path is told from any other. */
  readonly paths: ReadonlySet<string>;
}

/** Oldest first. */
export async function keptChanges(
  store: StoreReader,
  repository: Repository,
  { start, end }: { readonly start: string; readonly end: string },
): Promise<KeptChange[]> {
  const commits = new Set((await repository.git.text(['rev-list', end, `^${start}`])).split('\n'));
  const kept: KeptChange[] = [];
  for (const trial of store.eachTrial()) {
    const { verdict, kind, candidateCommit: after, incumbentCommit: before, number } = trial;
    if (verdict !== 'keep' || kind !== 'trial' || number === null || after === null || !commits.has(after)) continue;
    const { description, metric, incumbentMetric } = trial;
    const paths = new Set((await repository.rawChanges(before, after)).map(({ path }) => path.toString('latin1')));
    kept.push({ number, description, before, after, metric, incumbentMetric, paths });
  }
  return kept;
}

/** Later kept changes of the files that a change does not come off cleanly from: they build on it. */
export function buildingOn(change: KeptChange, kept: readonly KeptChange[], paths: readonly string[]): number[] {
  const conflicting = new Set(paths.map((path) => Buffer.from(path).toString('latin1')));
  return kept
    .filter(({ number }) => number > change.number)
    .filter((other) => [...other.paths].some((path) => conflicting.has(path)))
    .map(({ number }) => number);
}

export type LeftOut =
  | MergedTrees
  | { readonly kind: 'blocked'; readonly by: KeptChange; readonly paths: readonly string[] };

/** The tree of `end` without these changes, the newest taken off first. */
export async function treeWithout(
  repository: Repository,
  end: string,
  changes: readonly KeptChange[],
): Promise<Exclude<LeftOut, { kind: 'conflict' }>> {
  let tree = await repository.treeOf(end);
  for (const change of [...changes].sort((a, b) => b.number - a.number)) {
    const merged = await leaveOut(repository, tree, change);
    if (merged.kind === 'conflict') return { kind: 'blocked', by: change, paths: merged.paths };
    tree = merged.tree;
  }
  return { kind: 'clean', tree };
}

/** Changes that share files, directly or through others, belong together; groups in the order of their first change. */
export function groupsByFiles<T extends Pick<KeptChange, 'paths'>>(changes: readonly T[]): T[][] {
  let groups: { readonly paths: Set<string>; readonly members: T[] }[] = [];
  for (const change of changes) {
    const touching = groups.filter(({ paths }) => [...change.paths].some((path) => paths.has(path)));
    const joined = {
      paths: new Set([...touching.flatMap(({ paths }) => [...paths]), ...change.paths]),
      members: [...touching.flatMap(({ members }) => members), change],
    };
    const [first] = touching;
    groups =
      first === undefined
        ? [...groups, joined]
        : groups.flatMap((group) => (group === first ? [joined] : touching.includes(group) ? [] : [group]));
  }
  const order = (change: T) => changes.indexOf(change);
  return groups.map(({ members }) => [...members].sort((a, b) => order(a) - order(b)));
}
