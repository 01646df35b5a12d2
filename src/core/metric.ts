/** The metric's direction and the arithmetic of "better": pure, in one place, so that no sign is ever guessed twice. */
export type Direction = 'lower' | 'higher';

/** True when `a` is strictly better than `b`. */
export function isBetter(direction: Direction, a: number, b: number): boolean {
  return direction === 'lower' ? a < b : a > b;
}

/** How much better `candidate` is than `incumbent`, in the metric's own unit; negative when it is worse. */
export function improvement(direction: Direction, incumbent: number, candidate: number): number {
  return direction === 'lower' ? incumbent - candidate : candidate - incumbent;
}

/**
 * Relative change from `from` to `to` in percent, with the sign of the movement of the number itself (a fall is
 * negative) also for negative references. Null when the reference is zero: there is no percentage of nothing.
 */
export function percentChange(from: number, to: number): number | null {
  if (from === 0) return to === 0 ? 0 : null;
  const percent = ((to - from) / Math.abs(from)) * 100;
  return Number.isFinite(percent) ? percent : null;
}

/** A smallest effect that matters: an amount in the metric's unit, or a share of the incumbent's value. */
export type MinEffect =
  | { readonly kind: 'absolute'; readonly amount: number }
  | { readonly kind: 'percent'; readonly percent: number };

export function minEffectAmount(effect: MinEffect, incumbent: number): number {
  return effect.kind === 'absolute' ? effect.amount : (Math.abs(incumbent) * effect.percent) / 100;
}
