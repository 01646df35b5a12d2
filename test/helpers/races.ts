/** Several runners that start at the same moment, and what became of each. */
import type { Ended, World } from './faults.js';

export interface Race {
  /** Those that still ran when all others had ended; one, if all is well. */
  readonly winners: readonly number[];
  readonly losers: readonly Ended[];
  /** Kills the winners as a power switch would, and waits until they are dead. */
  kill(): Promise<void>;
}

/** Starts `count` runners at once and waits until all but one have ended (or, if none gives up, for their time limit). */
export async function race(world: World, count: number, args: readonly string[]): Promise<Race> {
  const racers = Array.from({ length: count }, () => ({ ...world.start(args), end: null as Ended | null }));
  let losers = 0;
  await new Promise<void>((resolve, reject) => {
    for (const racer of racers) {
      racer.ended.then((end) => {
        racer.end = end;
        losers += 1;
        if (losers === count - 1) resolve();
      }, reject);
    }
  });
  const running = () => racers.filter(({ end }) => end === null);
  return {
    winners: running().map(({ pid }) => pid),
    losers: racers.flatMap(({ end }) => end ?? []),
    async kill() {
      for (const { pid } of running()) process.kill(pid, 'SIGKILL');
      await Promise.all(racers.map(({ ended }) => ended));
    },
  };
}

/** What is wrong with how a race ended; empty when one won and the others said who. */
export function raceProblems({ winners, losers }: Race): string[] {
  const problems = winners.length === 1 ? [] : [`${winners.length} won`];
  for (const { code, signal, output } of losers) {
    if (code !== 12) problems.push(`a loser ended with ${code ?? signal}: ${output}`);
    else if (!output.includes(`by process ${winners[0]} on `)) problems.push(`${winners[0]} is not named: ${output}`);
  }
  return problems;
}

/** Races one after the other, each starting at the moment when the winner of the one before was killed. */
export async function racesWithKills(
  world: World,
  counts: readonly number[],
  args: readonly string[],
): Promise<string[]> {
  const problems: string[] = [];
  for (const [index, count] of counts.entries()) {
    const each = await race(world, count, args);
    problems.push(...raceProblems(each).map((problem) => `race ${index + 1} of ${count}: ${problem}`));
    await each.kill();
  }
  return problems;
}
