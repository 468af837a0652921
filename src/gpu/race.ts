/**
 * A race of alternatives by their measured times: warm-up, interleaved rounds, slow ones out early, least median wins. The
 * first one is the champion, who keeps the title unless another is clearly faster: where times say little (a browser that
 * polls, a busy machine), the choice is then the same each time.
 */

export interface RaceRules {
  /** Rounds at most, and how many whatever the time. */
  rounds: number;
  leastRounds: number;
  /** The time after which no further entrant is warmed up, and that after which no further round is begun. */
  warmUpMs: number;
  roundsMs: number;
  /** An entrant whose least time is this many times the best one's is out. */
  hopeless: number;
  /** What share of the champion's time a challenger may take. */
  clearly: number;
  now(): number;
}

export const RACE: RaceRules = {
  rounds: 7,
  leastRounds: 3,
  warmUpMs: 300,
  roundsMs: 250,
  hopeless: 1.3,
  clearly: 0.95,
  now: () => performance.now(),
};

export interface Entrant<T> {
  value: T;
  /** Makes it ready to be timed, its first slow run included; false: it cannot take part. */
  prepare(): Promise<boolean>;
  /** Milliseconds of one run. */
  run(): Promise<number>;
}

/** The lower median: of two times the one that other programs disturbed less. */
const typical = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[(times.length - 1) >> 1] as number;

/** @returns the winner; undefined when nobody could take part. */
export async function race<T>(entrants: readonly Entrant<T>[], rules: RaceRules = RACE): Promise<T | undefined> {
  const warmUpEnd = rules.now() + rules.warmUpMs;
  let running: { entrant: Entrant<T>; times: number[] }[] = [];
  for (const entrant of entrants) {
    // One alone is no race, so the second starts however long the first took.
    if (running.length >= 2 && rules.now() > warmUpEnd) break;
    if (await entrant.prepare()) running.push({ entrant, times: [await entrant.run()] });
  }
  const champion = running[0];
  const dropHopeless = () => {
    const best = Math.min(...running.map(({ times }) => Math.min(...times)));
    running = running.filter((one) => Math.min(...one.times) <= best * rules.hopeless);
  };
  // Nobody is out after a single run: another program may have had the processor.
  const roundsEnd = rules.now() + rules.roundsMs;
  for (let round = 1; round < rules.rounds && running.length > 1 && (round < rules.leastRounds || rules.now() <= roundsEnd); round++) {
    // Each round begins elsewhere, so that whatever comes after a slow one is not always the same.
    for (let i = 0; i < running.length; i++) {
      const { entrant, times } = running[(i + round) % running.length] as (typeof running)[number];
      times.push(await entrant.run());
    }
    dropHopeless();
  }
  const ranked = running.map((one) => ({ ...one, ms: typical(one.times) })).sort((a, b) => a.ms - b.ms);
  const best = ranked[0];
  if (!best || !champion) return undefined;
  return (best.ms <= rules.clearly * typical(champion.times) ? best : champion).entrant.value;
}
