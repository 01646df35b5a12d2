import type { Json } from '../core/json.js';
import { plainLines } from '../core/text.js';
import type { ProposerNote } from '../propose/types.js';
import type { Store } from '../store/store.js';

/** What proposals leave for those after them: the newest few, short. Untrusted text of a model. */
export const PROPOSER_NOTES = 'proposer_notes';
const MOST_NOTES = 8;
const NOTE_CHARS = 1_500;

export function addNote(store: Store, trial: number, text: string): void {
  const note = { trial, text: plainLines(text).trim().slice(0, NOTE_CHARS) };
  if (note.text === '') return;
  const earlier = readNotes(store.fact(PROPOSER_NOTES)).filter((each) => each.trial !== trial);
  store.setFact(
    PROPOSER_NOTES,
    [note, ...earlier].slice(0, MOST_NOTES).map((each) => ({ ...each })),
  );
}

/** The newest first. */
export function readNotes(fact: Json | undefined): readonly ProposerNote[] {
  if (!Array.isArray(fact)) return [];
  return fact.flatMap((each: unknown) => {
    if (typeof each !== 'object' || each === null || !('trial' in each) || !('text' in each)) return [];
    return typeof each.trial === 'number' && typeof each.text === 'string'
      ? [{ trial: each.trial, text: each.text }]
      : [];
  });
}
