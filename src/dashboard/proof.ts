import type { Json } from '../core/json.js';
import { oneLine } from '../core/text.js';
import { formatMetric, formatPercent } from '../core/units.js';
import { readVerification, type VerifiedChange } from '../gate/verification.js';
import { noiseKey, readNoise } from '../loop/context.js';
import type { StoreReader } from '../store/reader.js';

/**
 * What is proved of the gain from the baseline to the best code. The numbers that keeps were decided by were selected for
 * being good; only a metric that repeats exactly, or fresh pairs of both, prove a gain.
 */
export type Proof =
  | { readonly kind: 'exact' }
  | { readonly kind: 'verified'; readonly change: VerifiedChange }
  /** An earlier best code was verified, the one of this trial (null: unknown); it went on since. */
  | { readonly kind: 'outdated'; readonly change: VerifiedChange; readonly trial: number | null }
  | { readonly kind: 'unverified' };

export const UNVERIFIED: Proof = { kind: 'unverified' };

export function proofOf(store: StoreReader): Proof {
  const revision = store.newestRevision()?.revision;
  const head = store.incumbentTrial();
  if (revision === undefined || head === null || head.revision !== revision) return UNVERIFIED;
  const commit = head.candidateCommit ?? '';
  if (isExact(store, revision, commit)) return { kind: 'exact' };
  const newest = store.newestOfKind('verification', revision);
  const change = newest && readVerification(newest.statistics);
  if (!newest || !change) return UNVERIFIED;
  if (newest.candidateCommit === commit) {
    const surest = store.verificationOf({ revision, from: newest.incumbentCommit, to: commit });
    return { kind: 'verified', change: (surest && readVerification(surest.statistics)) ?? change };
  }
  return { kind: 'outdated', change, trial: store.keptTrialOf(newest.candidateCommit ?? '')?.number ?? null };
}

/** Both ends were measured more than once, and no two runs of the same code ever differed. */
function isExact(store: StoreReader, revision: number, commit: string): boolean {
  const noise = readNoise(store.fact(noiseKey(revision)));
  if (noise.noisy || noise.values.length < 2) return false;
  const values = store.incumbentValues(commit, revision);
  return values.length > 1 && values.every((value) => value === values[0]);
}

/** `repeats exactly`, `verified -23.1 % [-25.0, -21.2]`, or `unverified`. */
export function proofText(metric: string, proof: Proof): string {
  switch (proof.kind) {
    case 'exact':
      return 'repeats exactly';
    case 'verified':
      return verifiedText(metric, proof.change);
    case 'outdated':
      return `unverified; ${verifiedText(metric, proof.change)} up to ${proof.trial === null ? 'an earlier one' : `trial ${proof.trial}`}`;
    case 'unverified':
      return 'unverified';
  }
}

/** `verified -23.1 % [-25.0 %, -21.2 %]`: the estimate and its 95 % interval; one that holds zero verifies nothing. */
function verifiedText(metric: string, { unit, estimate, low, high }: VerifiedChange): string {
  const show = (value: number) =>
    unit === 'percent' ? formatPercent(value) : oneLine(`${value > 0 ? '+' : ''}${formatMetric(metric, value)}`, 60);
  const word = low <= 0 && high >= 0 ? 'no gain shown:' : 'verified';
  return `${word} ${show(estimate)} [${show(low)}, ${show(high)}]`;
}

export function proofJson(proof: Proof): Json {
  return { kind: proof.kind, ...('change' in proof ? { ...proof.change } : {}) };
}
