import { describe, expect, it } from 'vitest';
import { leftOut, ratio } from '../../../bench/context';
import { type Contender, measure } from '../../../bench/measure';

const effort = { rounds: 4, leastRounds: 2, budgetMs: 1e6, sampleMs: 1 };
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const contender = (name: string, log: string[], ms = 3): Contender => ({
  name,
  async run() {
    log.push(name);
    await pause(ms);
  },
});
const timing = (name: string, ms: number, samples = 1) => ({ name, ms, least: ms, most: ms, samples });

describe('measure', () => {
  it('interleaves: no contender runs all its samples at once', async () => {
    const log: string[] = [];
    const timings = await measure([contender('a', log), contender('b', log)], effort);
    expect(timings.map(({ name, samples }) => [name, samples])).toEqual([
      ['a', 4],
      ['b', 4],
    ]);
    const timed = log.slice(-8);
    for (let round = 0; round < 4; round++) expect(new Set(timed.slice(2 * round, 2 * round + 2))).toEqual(new Set(['a', 'b']));
    for (const { ms, least, most } of timings) expect(least <= ms && ms <= most).toBe(true);
  });

  it('stops at its time, after the least rounds', async () => {
    const timings = await measure([contender('a', [])], { ...effort, budgetMs: 0 });
    expect(timings[0]?.samples).toBe(2);
  });

  it('does not warm up what has been run, and does not hide a failure', async () => {
    const log: string[] = [];
    await measure([{ ...contender('a', log), knownMs: 500 }], { ...effort, rounds: 1 });
    expect(log).toEqual(['a']);
    const broken = { name: 'broken', run: () => Promise.reject(new Error('lost')) };
    await expect(measure([broken], effort)).rejects.toThrow('lost');
  });

  it('tells a library of its failure and gives it no number, without ending the others', async () => {
    const failures: unknown[] = [];
    let runs = 0;
    const late = {
      name: 'late',
      onFailure: (cause: unknown) => void failures.push(cause),
      run: async () => {
        if (++runs > 3) throw new Error('late');
      },
    };
    const early = { ...late, name: 'early', run: () => Promise.reject(new Error('early')) };
    const timings = await measure([contender('a', []), early, late], effort);
    expect(timings.map(({ name, samples }) => [name, samples])).toEqual([['a', 4]]);
    expect(failures.map(String)).toEqual(['Error: early', 'Error: late']);
  });

  it('begins nothing that would not end before the deadline, and takes the trial run of what was run', async () => {
    const log: string[] = [];
    const watch = { deadline: performance.now() + 60_000 };
    const slow = { ...contender('slow', log), knownMs: 1e8 };
    const unknown = { ...contender('unknown', log), guessMs: 1e8 };
    const timings = await measure([contender('quick', log), slow, unknown], effort, watch);
    expect(log).not.toContain('slow');
    expect(log).not.toContain('unknown');
    expect(timings.map(({ name, samples }) => [name, samples > 0])).toEqual([
      ['quick', true],
      ['slow', false],
    ]);
    expect(timings[1]?.ms).toBe(1e8);
  });

  it('measures nothing after the deadline', async () => {
    const log: string[] = [];
    expect(await measure([contender('a', log)], effort, { deadline: performance.now() - 1 })).toEqual([]);
    expect(log).toEqual([]);
  });

  it('has processor time where there is a clock for it, and no such number elsewhere', async () => {
    let cpu = 0;
    const clock = { cpuMs: () => (cpu += 5) };
    const [withClock] = await measure([contender('a', [])], { ...effort, rounds: 1, sampleMs: 0 }, clock);
    const [without] = await measure([contender('a', [])], { ...effort, rounds: 1, sampleMs: 0 });
    expect(withClock?.cpuMs).toBe(5);
    expect(without && 'cpuMs' in without).toBe(false);
  });

  it('tells each round', async () => {
    const rounds: string[] = [];
    await measure([contender('a', [])], effort, { onRound: (round, of) => rounds.push(`${round}/${of}`) });
    expect(rounds).toEqual(['1/4', '2/4', '3/4', '4/4']);
  });
});

describe('what cases say of their timings', () => {
  it('has no ratio of what is not there', () => {
    const timings = [timing('a', 4), timing('b', 8)];
    expect(ratio(timings, 'a', 'b')).toBe(0.5);
    expect(ratio(timings, 'a', 'c')).toBeUndefined();
  });

  it('names what there was no time for, and trial runs', () => {
    const all = [{ name: 'a' }, { name: 'b' }];
    const well = { failed: new Set<string>() };
    expect(leftOut(well, all, [timing('a', 1), timing('b', 1)])).toEqual([]);
    expect(leftOut(well, all, [timing('a', 1)])).toEqual(['no time in a quick run for: b']);
    expect(leftOut({ failed: new Set(['b']) }, all, [timing('a', 1)])).toEqual([]);
    expect(leftOut(well, all, [timing('a', 1, 0), timing('b', 1)])[0]).toMatch(/trial run/);
  });
});
