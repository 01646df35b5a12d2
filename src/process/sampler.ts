/**
 * Watches a running command's tree from outside: largest memory of one process, CPU time so far, and who was seen, so
 * that those who slip out of the tree later are still known. Costs 50 µs per process and sample; where there is no
 * /proc it sees nothing.
 */
import { bootId } from './identity.js';
import { childLookup, HAS_PROC, type ProcessRow, peakResidentBytes, readProcess } from './proc-table.js';
import type { ProcessIdentity } from './types.js';

/** Samples may take a fiftieth of the time at most: they must not disturb what they measure. */
const COST_FACTOR = 50;

export class TreeSampler {
  readonly #leader: number;
  readonly #wrapperLevels: number;
  /** Start times by pid of every process of the tree that may still be alive. */
  readonly #seen = new Map<number, string>();
  #peakBytes = 0;
  #cpuSeconds = 0;
  #notBeforeMs = 0;

  /** `wrapperLevels`: how many generations at the top are our own wrapper programs and do not count as memory. */
  constructor(leader: number, wrapperLevels: number) {
    this.#leader = leader;
    this.#wrapperLevels = wrapperLevels;
  }

  get peakBytes(): number | null {
    return this.#peakBytes === 0 ? null : this.#peakBytes;
  }

  /** The most that was ever seen of the processes alive at one moment and of those they waited for: a lower bound. */
  get cpuSeconds(): number {
    return this.#cpuSeconds;
  }

  get seen(): readonly ProcessIdentity[] {
    return [...this.#seen].map(([pid, startTime]) => ({ pid, startTime, bootId: bootId() }));
  }

  /** Does nothing when it is too early for another sample of a big tree, unless `force` asks for it. */
  sample(options: { force?: boolean } = {}): void {
    const startMs = performance.now();
    if (!HAS_PROC || (startMs < this.#notBeforeMs && !options.force)) return;
    this.#sampleTree();
    const endMs = performance.now();
    this.#notBeforeMs = endMs + (endMs - startMs) * COST_FACTOR;
  }

  #sampleTree(): void {
    const visited = new Set<number>();
    const childrenOf = childLookup();
    let cpuSeconds = this.#walk(this.#leader, { visited, childrenOf, level: 0 });
    for (const [pid, startTime] of [...this.#seen]) {
      if (visited.has(pid)) continue;
      // It left the tree: dead, replaced by a stranger with the same pid, or re-parented and still ours.
      const row = readProcess(pid);
      if (row === null || row.dead || row.startTime !== startTime) this.#seen.delete(pid);
      else cpuSeconds += this.#walk(pid, { visited, childrenOf, level: this.#wrapperLevels });
    }
    this.#cpuSeconds = Math.max(this.#cpuSeconds, cpuSeconds);
  }

  #walk(root: number, walk: Walk): number {
    let cpuSeconds = 0;
    let generation = [root];
    for (let level = walk.level; generation.length > 0; level += 1) {
      const next: number[] = [];
      for (const pid of generation) {
        const row = walk.visited.has(pid) ? null : readProcess(pid);
        if (row === null) continue;
        walk.visited.add(pid);
        cpuSeconds += row.cpuSeconds;
        this.#note(row, level);
        next.push(...walk.childrenOf(pid));
      }
      generation = next;
    }
    return cpuSeconds;
  }

  #note(row: ProcessRow, level: number): void {
    if (row.dead) return;
    this.#seen.set(row.pid, row.startTime);
    if (level >= this.#wrapperLevels) this.#peakBytes = Math.max(this.#peakBytes, peakResidentBytes(row.pid));
  }
}

interface Walk {
  readonly visited: Set<number>;
  readonly childrenOf: (pid: number) => readonly number[];
  readonly level: number;
}
