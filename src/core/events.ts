import type { MeasuredSide } from './measurement.js';

/** What a run tells whoever listens. The loop emits, `cli/` turns it into text; nobody parses it back. */
export type RunEvent =
  | { readonly kind: 'notice'; readonly level: 'info' | 'warning'; readonly text: string; readonly hint?: string }
  | { readonly kind: 'proposing'; readonly number: number }
  | {
      readonly kind: 'measuring';
      readonly number: number | null;
      readonly side: MeasuredSide | 'warm-up' | 'setup' | 'check';
      readonly description: string;
      readonly limitMs: number;
    }
  | {
      readonly kind: 'measured';
      readonly side: MeasuredSide;
      readonly metric: number | null;
      readonly wallSeconds: number;
    }
  | { readonly kind: 'settled'; readonly trialId: number }
  /** Another experiment measures on this machine; `owner` is its name, perhaps empty. */
  | { readonly kind: 'turn'; readonly owner: string }
  /** The last runner ended without a word; this one goes on with its session. */
  | { readonly kind: 'restarted' }
  | { readonly kind: 'paused'; readonly hint: string }
  | { readonly kind: 'waiting'; readonly reason: string; readonly untilMs: number }
  | { readonly kind: 'stopping'; readonly reason: string };

export type EventSink = (event: RunEvent) => void;
