/** What kind of change to look for, from the number of trials and how long none was kept. */
const PLATEAU_TRIALS = 20;
const REVIEW_TRIALS = 10;

interface Stage {
  readonly upTo: number;
  readonly advice: string;
}

const STAGES: readonly Stage[] = [
  { upTo: 5, advice: 'Trials 1-5, the obvious: read the code, find where the cost is, take the cheapest improvement.' },
  { upTo: 15, advice: 'Trials 6-15, systematic: vary one thing at a time, and push further where it paid.' },
  { upTo: 30, advice: 'Trials 16-30, structural: other algorithms, other data structures, another order of the work.' },
];

const LAST_STAGE =
  'Trials 30+, radical: question the approach itself, combine near misses, or remove what seems necessary.';

/** Sentences for the trial with this number, `sinceKeep` trials after the last kept one. */
export function strategyFor({ trial, sinceKeep }: { trial: number; sinceKeep: number }): readonly string[] {
  const advice = [STAGES.find(({ upTo }) => trial <= upTo)?.advice ?? LAST_STAGE];
  if (sinceKeep >= PLATEAU_TRIALS) {
    advice.push(
      `Plateau: ${sinceKeep} trials in a row were not kept. Stop refining. Choose a direction that no trial below has taken, or undo an assumption that all of them share.`,
    );
  }
  if (trial > 1 && (trial - 1) % REVIEW_TRIALS === 0) {
    advice.push(
      'Review first: from the trials below, what was learned, what keeps failing, and which assumption was never tested? Choose the change by that.',
    );
  }
  return advice;
}
