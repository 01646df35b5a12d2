/**
 * From what a program or a server said to the kind of its failure. Facts decide first (its own words for the error, the
 * status of the API); patterns over prose are the last resort, and only over what is known to be an error message.
 */
import { resetTimeIn } from './reset-time.js';
import type { Failure, FailureOutcome } from './types.js';

/** In the order in which they are tried. */
const PATTERNS: readonly (readonly [FailureOutcome, RegExp])[] = [
  ['budget', /insufficient_quota|credit balance/i],
  [
    'auth',
    /not logged in|please run \/login|authentication (?:required|failed)|invalid (?:x-)?api.?key|\b401\b|token_expired|refresh_token/i,
  ],
  ['auth', /not supported when using|requires a newer version|unknown model|invalid model/i],
  [
    'rate_limit',
    /rate.?limit|too many requests|\b429\b|resource_exhausted|quota|hit your (?:\w+ )?limit|usage limit|overloaded/i,
  ],
  ['budget', /billing|insufficient/i],
  ['untrusted', /trusted (?:directory|folder|workspace)/i],
];

const TRANSIENT =
  /ECONNRESET|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|EAGAIN|socket hang up|stream (?:disconnected|closed)|\b50[0234]\b/i;

/** Null when the text speaks of nothing that is known; a passing fault of the network is a transient crash. */
export function failureInText(text: string, now: number): Failure | null {
  const found = PATTERNS.find(([, pattern]) => pattern.test(text));
  if (found !== undefined) return failure(found[0], text, now);
  return TRANSIENT.test(text) ? { outcome: 'crash', reason: text, transient: true } : null;
}

/** Null for a status that means no failure. */
export function failureOfStatus(status: number | null, text: string, now: number): Failure | null {
  if (status === null || status < 400) return null;
  if (status === 401 || status === 403) return { outcome: 'auth', reason: text };
  if (status === 402) return failure('budget', text, now);
  if (status === 429 || status === 529) return failure('rate_limit', text, now);
  if (status === 408) return { outcome: 'crash', reason: text, transient: true };
  return { outcome: 'crash', reason: text, transient: status >= 500 };
}

export function failure(outcome: FailureOutcome, reason: string, now: number): Failure {
  if (outcome === 'rate_limit') return { outcome, reason, retryAt: resetTimeIn(reason, now) };
  if (outcome === 'crash') return { outcome, reason, transient: false };
  if (outcome === 'budget') return { outcome, reason, ownCap: false };
  return { outcome, reason };
}

/** What the text says, else a crash: of an error message that the program itself marked as one. */
export function failureOfError(text: string, now: number): Failure {
  return failureInText(text, now) ?? { outcome: 'crash', reason: text, transient: false };
}

const WORDS: Readonly<Record<FailureOutcome, string>> = {
  rate_limit: 'is rate limited',
  auth: 'is not logged in, or may not use this model',
  budget: 'has used up its money',
  turn_limit: 'reached its limit of turns or output',
  refused: 'declined',
  empty: 'ended without an answer',
  schema: 'gave no object that fits the schema',
  untrusted: 'does not trust the folder',
  timeout: 'took too long',
  missing_program: 'is not installed',
  crash: 'reported an error',
};

/** One sentence: who, what, and the detail. */
export function explain(name: string, outcome: FailureOutcome, detail: string): string {
  const said = detail.trim();
  return `${name} ${WORDS[outcome]}${said === '' ? '' : `: ${said}`}`;
}

/** What the operator can do about it; null where nothing is to be done. */
export function cureOf(outcome: FailureOutcome, program: string): string | null {
  switch (outcome) {
    case 'auth':
      return `run \`${program}\` once and log in (or set its key in the environment), check the model under [agent], then run again`;
    case 'budget':
      return `add credit to the account that ${program} uses, or raise its limit, then run again`;
    case 'untrusted':
      return `start \`${program}\` once in the workspace folder and trust it, then run again`;
    default:
      return null;
  }
}
