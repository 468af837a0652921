/** Interleaved repeats: every contender once a round, in changing order, so that a machine that drifts is fair to all. */
import { median, roundOrder, runsPerSample } from './stats';

export interface Contender {
  name: string;
  /** Milliseconds of one run, roughly, when it has been run already: it is then not warmed up again. */
  knownMs?: number;
  /** Milliseconds that one run may take, when it has not been run yet: what is not sure to end in time is left out. */
  guessMs?: number;
  /** Told of a failure, which then costs this contender its timing and no other; without it a failure ends the measurement. */
  onFailure?: (cause: unknown) => void;
  /** Runs it `times` times as in real use (queued one behind the other) and resolves when all of it is done. */
  run(times: number): Promise<void>;
}

export interface Timing {
  name: string;
  /** Milliseconds of one run: median over the samples. */
  ms: number;
  least: number;
  most: number;
  /** Processor time of one run, of all threads: median. On a software GPU other programs disturb it less than they do `ms`. Absent in a page. */
  cpuMs?: number;
  /** 0: there was no time for a sample, and `ms` is the trial run's. */
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

/** Around a measurement: clocks, its end, and who wants to know how far it is. */
export interface Watch {
  /** Processor time of all threads so far, ms. Absent where nothing tells it. */
  cpuMs?: () => number;
  /** On the clock of performance.now(): nothing is begun that is not expected to end before. */
  deadline?: number;
  onRound?: (round: number, rounds: number) => void;
}

interface Sample {
  ms: number;
  cpuMs?: number;
}

interface Entry {
  contender: Contender;
  /** A run after the one that compiled, when there was one. */
  trialMs?: number;
  /** Runs in a sample. */
  times: number;
  /** Expected milliseconds of one run. */
  ms: number;
  samples: Sample[];
}

/**
 * Timings of those contenders that could be measured in time, in their order.
 * @throws whatever a contender without `onFailure` throws: a figure of something that failed is worth nothing.
 */
export async function measure(contenders: readonly Contender[], effort: Effort, watch: Watch = {}): Promise<Timing[]> {
  /** Nothing when the contender failed and was told so. */
  const timed = async (contender: Contender, times: number): Promise<Sample | undefined> => {
    const cpu = watch.cpuMs?.();
    const start = performance.now();
    try {
      await contender.run(times);
    } catch (cause) {
      if (!contender.onFailure) throw cause;
      contender.onFailure(cause);
      return undefined;
    }
    const ms = (performance.now() - start) / times;
    return cpu === undefined ? { ms } : { ms, cpuMs: ((watch.cpuMs?.() ?? cpu) - cpu) / times };
  };
  const fits = (ms: number) => performance.now() + ms <= (watch.deadline ?? Number.POSITIVE_INFINITY);
  const entries: Entry[] = [];
  /** A sample of each of those that have been run. */
  const oneRound = () => entries.reduce((sum, { ms, times }) => sum + ms * times, 0);
  for (const contender of contenders) {
    const { knownMs, guessMs = 0 } = contender;
    if (knownMs !== undefined) {
      entries.push({ contender, trialMs: knownMs, ms: knownMs, times: runsPerSample(knownMs, effort.sampleMs), samples: [] });
      continue;
    }
    // Twice, once to warm up and once to be measured, without taking the others' turn.
    if (!fits(2 * guessMs + oneRound())) continue;
    // The first run compiles; a second one says how long it takes, unless the first was long anyway.
    const first = await timed(contender, 1);
    if (!first) continue;
    if (first.ms > 10 * effort.sampleMs) {
      entries.push({ contender, ms: first.ms, times: 1, samples: [] });
      continue;
    }
    const second = await timed(contender, 1);
    if (second) {
      const { ms } = second;
      entries.push({ contender, trialMs: ms, ms, times: runsPerSample(ms, effort.sampleMs), samples: [] });
    }
  }
  const failed = new Set<Entry>();
  const start = performance.now();
  for (let round = 0; round < effort.rounds; round++) {
    if (round >= effort.leastRounds && performance.now() - start > effort.budgetMs) break;
    watch.onRound?.(round + 1, effort.rounds);
    let any = false;
    for (const i of roundOrder(entries.length, round)) {
      const entry = entries[i] as Entry;
      if (failed.has(entry) || !fits(entry.ms * entry.times)) continue;
      const sample = await timed(entry.contender, entry.times);
      if (!sample) {
        failed.add(entry);
        continue;
      }
      entry.samples.push(sample);
      entry.ms = sample.ms;
      any = true;
    }
    if (!any) break;
  }
  return entries.filter((entry) => !failed.has(entry)).flatMap(timingOf);
}

function timingOf({ contender: { name }, trialMs, samples }: Entry): Timing[] {
  if (samples.length === 0) return trialMs === undefined ? [] : [{ name, ms: trialMs, least: trialMs, most: trialMs, samples: 0 }];
  const wall = samples.map(({ ms }) => ms);
  const cpu = samples.flatMap(({ cpuMs }) => (cpuMs === undefined ? [] : [cpuMs]));
  return [
    {
      name,
      ms: median(wall),
      least: Math.min(...wall),
      most: Math.max(...wall),
      ...(cpu.length > 0 ? { cpuMs: median(cpu) } : {}),
      samples: samples.length,
    },
  ];
}
