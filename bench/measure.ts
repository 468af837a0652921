/** Interleaved repeats: every contender once a round, in changing order, so that a machine that drifts is fair to all. */
import { median, roundOrder, runsPerSample } from './stats';

export interface Contender {
  name: string;
  /** Milliseconds of one run, roughly, when it has been run already: it is then not warmed up again. */
  knownMs?: number;
  /** Runs it `times` times as in real use (queued one behind the other) and resolves when all of it is done. */
  run(times: number): Promise<void>;
}

export interface Timing {
  name: string;
  /** Milliseconds of one run: median over the samples. */
  ms: number;
  least: number;
  most: number;
  /** Processor time of one run, of all threads: median. On a software GPU other programs disturb it less than they do `ms`. */
  cpuMs: number;
  samples: number;
}

export interface Effort {
  /** Most rounds. */
  rounds: number;
  /** No further round is begun after this time, once `leastRounds` are done. */
  budgetMs: number;
  leastRounds: number;
  /** A sample repeats short runs until it lasts about this long. */
  sampleMs: number;
}

/** @throws whatever a contender throws: a figure of something that failed is worth nothing. */
export async function measure(contenders: readonly Contender[], effort: Effort): Promise<Timing[]> {
  const timed = async (contender: Contender, times: number) => {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await contender.run(times);
    const ms = (performance.now() - start) / times;
    const { user, system } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + system) / 1e3 / times };
  };
  const times: number[] = [];
  for (const contender of contenders) {
    if (contender.knownMs !== undefined) {
      times.push(runsPerSample(contender.knownMs, effort.sampleMs));
      continue;
    }
    // The first run compiles; a second one says how long it takes, unless the first was long anyway.
    const first = await timed(contender, 1);
    times.push(first.ms > 10 * effort.sampleMs ? 1 : runsPerSample((await timed(contender, 1)).ms, effort.sampleMs));
  }
  const samples: { ms: number; cpuMs: number }[][] = contenders.map(() => []);
  const start = performance.now();
  for (let round = 0; round < effort.rounds; round++) {
    if (round >= effort.leastRounds && performance.now() - start > effort.budgetMs) break;
    for (const i of roundOrder(contenders.length, round)) {
      samples[i]?.push(await timed(contenders[i] as Contender, times[i] as number));
    }
  }
  return contenders.map(({ name }, i) => {
    const of = samples[i] as { ms: number; cpuMs: number }[];
    const wall = of.map(({ ms }) => ms);
    const cpuMs = median(of.map((sample) => sample.cpuMs));
    return { name, ms: median(wall), least: Math.min(...wall), most: Math.max(...wall), cpuMs, samples: of.length };
  });
}
