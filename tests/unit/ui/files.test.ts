import { describe, expect, it } from 'vitest';
import type { LabEvent, RunSummary } from '../../../src/lab/protocol';
import { LabError, WorkerClient } from '../../../src/ui/client';
import { type Dropped, resolveDropped, tidy } from '../../../src/ui/drop';
import { resultsCsv, resultsJson } from '../../../src/ui/exportResults';
import { bytes, count, duration, l0, passOf, percent, short } from '../../../src/ui/format';
import { type RunColumn, runColumns, sortRuns } from '../../../src/ui/runColumns';
import { metrics, run } from './fixtures';

const file = (name: string) => new File(['x'], name);

function fakeHandle(name: string, children?: FileSystemHandle[]): FileSystemHandle {
  if (!children) return { kind: 'file', name, getFile: async () => file(name) } as unknown as FileSystemHandle;
  return {
    kind: 'directory',
    name,
    async *values() {
      yield* children;
    },
  } as unknown as FileSystemHandle;
}

function fakeEntry(name: string, children?: FileSystemEntry[]): FileSystemEntry {
  if (!children) return { isFile: true, name, file: (resolve: (f: File) => void) => resolve(file(name)) } as unknown as FileSystemEntry;
  const batches = [children.slice(0, 2), children.slice(2), []];
  return {
    isFile: false,
    name,
    createReader: () => ({ readEntries: (resolve: (e: FileSystemEntry[]) => void) => resolve(batches.shift() ?? []) }),
  } as unknown as FileSystemEntry;
}

const nothing: Dropped = { handle: Promise.resolve(null), entry: null, file: null };

describe('dropped files', () => {
  const paths = ['acts/shard_1.safetensors', 'acts/shard_2.safetensors', 'acts/shard_10.safetensors', 'acts/sub/a.txt'];
  const names = ['shard_10.safetensors', 'shard_2.safetensors', '.DS_Store', 'shard_1.safetensors'];

  it('come out of handles, entries and plain files alike, in natural order, without hidden ones', async () => {
    const handle = fakeHandle('acts', [...names.map((n) => fakeHandle(n)), fakeHandle('sub', [fakeHandle('a.txt')])]);
    expect((await resolveDropped([{ ...nothing, handle: Promise.resolve(handle) }])).map((f) => f.path)).toEqual(paths);
    const entry = fakeEntry('acts', [...names.map((n) => fakeEntry(n)), fakeEntry('sub', [fakeEntry('a.txt')])]);
    expect((await resolveDropped([{ ...nothing, entry }])).map((f) => f.path)).toEqual(paths);
    expect(
      (
        await resolveDropped([
          { ...nothing, file: file('b') },
          { ...nothing, file: file('a') },
        ])
      ).map((f) => f.path),
    ).toEqual(['a', 'b']);
  });
  it('leaves out folders of archives', () => {
    expect(
      tidy([
        { path: '__MACOSX/a', file: file('a') },
        { path: '.git/config', file: file('c') },
      ]),
    ).toEqual([]);
  });
});

describe('results', () => {
  const runs = [run({ id: 'a', name: 'with, comma', metrics: metrics({ loss_recovered: 0.9 }) }), run({ id: 'b' })];
  it('CSV leaves what was not measured empty', () => {
    const [header, first, second] = resultsCsv(runs).trimEnd().split('\n') as [string, string, string];
    const columns = header.split(',');
    expect(first).toContain('"with, comma"');
    expect(first.replace('"with, comma"', 'x').split(',')[columns.indexOf('loss_recovered')]).toBe('0.9');
    expect(second.split(',')[columns.indexOf('loss_recovered')]).toBe('');
    expect(second.split(',')[columns.indexOf('l0')]).toBe('');
    expect(second.split(',')).toHaveLength(columns.length);
    const at = columns.indexOf('lambda');
    expect([columns.slice(at, at + 4), second.split(',').slice(at, at + 4)]).toEqual([
      ['lambda', 'seed', 'normalize', 'activationScale'],
      ['0.1', '1', 'mean-square', '0.5'],
    ]);
  });
  it('both have every setting that a run had, whatever the form says now, and its line', () => {
    const [header = '', line = ''] = resultsCsv([run({ name: 'r' })]).split('\n');
    const at = Object.fromEntries(header.split(',').map((key, i) => [key, line.split(',')[i]]));
    expect(at).toMatchObject({ batch: '1024', lr: '0.001', lr_warmup: '100', lr_decay: '0.2', lambda_warmup: '250', beta1: '0' });
    expect(at).toMatchObject({ x_dtype: 'f32', b_dec_init: 'mean', holdout: '0.05', data_seed: '1', shuffle: 'pool' });
    expect(at.command).toMatch(/^npm run lab -- train --data acts --arm 'gated width=100 lambda=0\.1' --seed 1 --steps 2500/);
    expect(new Set(header.split(',')).size).toBe(header.split(',').length);
    const [saved] = (JSON.parse(resultsJson([run()], { files: [] }, undefined, new Date(0))) as { runs: Record<string, unknown>[] }).runs;
    expect(saved?.settings).toMatchObject({ lr: 0.001, lambda_warmup: 250, shuffle: 'pool' });
    expect(saved?.command).toBe(at.command);
  });
  it('JSON leaves it out', () => {
    const out = JSON.parse(resultsJson(runs, { files: [] }, undefined, new Date(0))) as { runs: RunSummary[]; saved: string };
    expect(out.saved).toBe('1970-01-01T00:00:00.000Z');
    expect(out.runs[0]?.metrics).not.toHaveProperty('ce_clean');
    expect(out.runs[1]).not.toHaveProperty('metrics');
  });
});

describe('run table', () => {
  it('mark a loss recovered that means nothing, with the reason', () => {
    const doubtful = run({
      metrics: metrics({ loss_recovered: 0.5, loss_recovered_unreliable: 'ce_zero (1) is not clearly above ce_clean (1)' }),
    });
    const shown = (r: RunSummary) => {
      const column = runColumns([r], 'rows').find(({ key }) => key === 'recovered');
      return [column?.show(r), column?.explain?.(r)];
    };
    expect(shown(doubtful)).toEqual(['0.500 ?', 'Not to be relied on: ce_zero (1) is not clearly above ce_clean (1).']);
    expect(shown(run({ metrics: metrics({ loss_recovered: 0.5 }) }))).toEqual(['0.500', undefined]);
  });

  it('names loss recovered only when measured', () => {
    expect(runColumns([run({ metrics: metrics() })], 'rows').map((c) => c.key)).not.toContain('recovered');
    const keys = runColumns([run({ metrics: metrics({ loss_recovered: 1 }) })], 'rows').map((c) => c.key);
    expect(keys).toEqual(expect.arrayContaining(['recovered', 'ceClean', 'ceSae', 'ceZero', 'ceMean', 'gamma', 'fvu', 'alive', 'rate']));
  });
  it('the knob stands under its own symbol, with how many latents fire often', () => {
    const columns = runColumns(
      [run({ lambda: 0.25, metrics: metrics({ latents_over_10_percent: 7, freq_over_10_percent: 0.07 }) })],
      'rows',
    );
    const [row] = [run({ lambda: 0.25, metrics: metrics({ latents_over_10_percent: 7, freq_over_10_percent: 0.07 }) })];
    const cell = (key: string) => columns.find((column) => column.key === key);
    expect([cell('knob')?.title, cell('knob')?.show(row)]).toEqual(['λ', '0.25']);
    expect([cell('over10')?.title, cell('over10')?.show(row)]).toEqual(['>10 %', '7 (7.0\u202f%)']);
    expect(cell('over10')?.show(run())).toBe('–');
    const sorted = sortRuns(
      [run({ id: 'a', lambda: 2 }), run({ id: 'b', lambda: 0.1 }), run({ id: 'c', lambda: 10 })],
      cell('knob') as RunColumn,
      false,
    );
    expect(sorted.map(({ id }) => id)).toEqual(['b', 'a', 'c']);
  });
  it('says how rows were scaled where runs differ in it, for their λ are not comparable', () => {
    const keys = (...runs: RunSummary[]) => runColumns(runs, 'rows').map((c) => c.key);
    expect(keys(run(), run({ activationScale: 0.4999 }))).not.toContain('scale');
    const other = run({ normalize: 'mean-norm', activationScale: 2.5 });
    const columns = runColumns([run(), other], 'rows');
    expect(columns.find(({ key }) => key === 'scale')?.show(other)).toBe('× 2.5');
  });
  it('sorts naturally, absent values last either way', () => {
    const runs = [
      run({ name: 'r10', lambda: 0.1 }),
      run({ name: 'r2', lambda: 0.05, metrics: metrics({ l0: 5 }) }),
      run({ name: 'r1', lambda: 0.0004, metrics: metrics({ l0: 50 }) }),
    ];
    const columns = runColumns(runs, 'rows');
    const sorted = (key: string, down: boolean) =>
      sortRuns(runs, columns.find((c) => c.key === key) as (typeof columns)[number], down).map((r) => r.name);
    expect(sorted('name', false)).toEqual(['r1', 'r2', 'r10']);
    expect(sorted('l0', false)).toEqual(['r2', 'r1', 'r10']);
    expect(sorted('l0', true)).toEqual(['r1', 'r2', 'r10']);
  });
});

describe('worker client', () => {
  it('matches replies to commands and passes events on', async () => {
    const posted: { id: number }[] = [];
    const worker = { postMessage: (m: { id: number }) => posted.push(m) } as unknown as Worker;
    const client = new WorkerClient(worker);
    const events: LabEvent[] = [];
    client.subscribe((e) => events.push(e));
    const receive = (data: LabEvent) => worker.onmessage?.({ data } as MessageEvent<LabEvent>);
    const [open, pause] = [client.send({ type: 'open' }), client.send({ type: 'pause' })];
    receive({ type: 'state', state: { phase: 'idle', note: '' } });
    receive({ type: 'reply', id: posted[1]?.id as number, ok: true, value: undefined });
    receive({
      type: 'reply',
      id: posted[0]?.id as number,
      ok: false,
      error: { name: 'GpuUnavailableError', message: 'none', reason: 'no-adapter' },
    });
    await expect(pause).resolves.toBeUndefined();
    await expect(open).rejects.toEqual(expect.objectContaining({ message: 'none', reason: 'no-adapter' }));
    expect(events).toHaveLength(1);
    const lost = client.send({ type: 'stop' });
    worker.onerror?.({ message: 'boom' } as ErrorEvent);
    await expect(lost).rejects.toBeInstanceOf(LabError);
    expect(events.at(-1)).toMatchObject({ type: 'notice', level: 'error' });
  });
});

describe('numbers', () => {
  it('reads well', () => {
    expect(count(1234567)).toBe('1\u202f234\u202f567');
    expect([short(408_576), short(9_437_184), short(950)]).toEqual(['409\u202fk', '9.4\u202fM', '950']);
    expect([bytes(412 * 2 ** 20), bytes(10)]).toEqual(['412 MB', '10 B']);
    expect([duration(3.14), duration(75), duration(600), duration(7200)]).toEqual(['3.1 s', '75 s', '10 min', '2.0 h']);
    expect([passOf(0), passOf(2)]).toEqual(['pass 1 over the rows', 'pass 3 over the rows']);
    expect([l0(3.12), l0(123.4)]).toEqual(['3.1', '123']);
    expect([percent(1), percent(0.5), percent(0.9999), percent(0.00001)]).toEqual([
      '100\u202f%',
      '50.0\u202f%',
      '99.99\u202f%',
      '<0.1\u202f%',
    ]);
  });
});
