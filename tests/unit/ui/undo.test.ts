/** What can be taken back, and what the page asks before it goes. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Command, LabEvent, ReplyOf, RunSummary } from '../../../src/lab/protocol';
import { type LabClient, LabError } from '../../../src/ui/client';
import { Lab } from '../../../src/ui/controller';
import { wouldLose } from '../../../src/ui/leaving';
import { addNotice, dismissNotice, initialState, useLab } from '../../../src/ui/store';
import { takeBack, UNDO_MS } from '../../../src/ui/undo';
import { run } from './fixtures';

class Session implements LabClient {
  readonly asked: string[] = [];
  answer: (command: Command) => unknown = () => undefined;
  tell: (event: LabEvent) => void = () => undefined;

  async send<C extends Command>(command: C): Promise<ReplyOf<C['type']>> {
    this.asked.push(command.type === 'remove-run' ? `remove ${command.run}` : command.type);
    return this.answer(command) as ReplyOf<C['type']>;
  }

  subscribe(listener: (event: LabEvent) => void): () => void {
    this.tell = listener;
    return () => undefined;
  }
}

const shown = () => useLab.getState().runs.map(({ id }) => id);
const undoable = () =>
  useLab
    .getState()
    .notices.filter((notice) => notice.canUndo)
    .map(({ id }) => id);

let session: Session;
let lab: Lab;
beforeEach(() => {
  vi.useFakeTimers();
  useLab.setState(initialState(), true);
  session = new Session();
  lab = new Lab(session);
});
afterEach(() => vi.useRealTimers());

describe('a run that is removed', () => {
  const runs = [run({ id: 'r1', name: 'one' }), run({ id: 'r2', name: 'two' })];
  beforeEach(() => session.tell({ type: 'runs', runs }));

  it('is off the list at once and kept by the session until its time is over', () => {
    lab.metrics.appendLog('r1', new Float32Array(9));
    lab.removeRun(runs[0] as RunSummary);
    expect(shown()).toEqual(['r2']);
    vi.advanceTimersByTime(UNDO_MS - 1);
    session.tell({ type: 'runs', runs });
    expect([shown(), session.asked]).toEqual([['r2'], []]);
    expect(lab.metrics.column('r1', 'step')).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(session.asked).toEqual(['remove r1']);
    expect(undoable()).toEqual([]);
  });

  it('comes back with its curves by Undo, and nothing is asked of the session', async () => {
    lab.metrics.appendLog('r1', new Float32Array(9));
    lab.removeRun(runs[0] as RunSummary);
    await takeBack(undoable()[0] as number);
    vi.advanceTimersByTime(10 * UNDO_MS);
    expect([shown(), session.asked, undoable()]).toEqual([['r1', 'r2'], [], []]);
    expect(lab.metrics.column('r1', 'step')).toHaveLength(1);
  });

  it('goes for good when its notice is dismissed or pushed out by newer ones', () => {
    lab.removeRun(runs[0] as RunSummary);
    dismissNotice(undoable()[0] as number);
    expect(session.asked).toEqual(['remove r1']);
    lab.removeRun(runs[1] as RunSummary);
    for (const words of ['a', 'b', 'c', 'd']) addNotice('info', words);
    expect(session.asked).toEqual(['remove r1', 'remove r2']);
  });

  it('is shown again when the session cannot remove it', async () => {
    session.answer = () => Promise.reject(new Error('There is no run r1 in training.'));
    lab.removeRun(runs[0] as RunSummary);
    dismissNotice(undoable()[0] as number);
    await vi.advanceTimersByTimeAsync(0);
    expect(shown()).toEqual(['r1', 'r2']);
    expect(useLab.getState().notices.at(-1)).toMatchObject({ level: 'error' });
  });
});

describe('data that were cleared', () => {
  let revision = 0;
  const data = (...paths: string[]) =>
    session.tell({ type: 'data', data: { files: paths.map((path) => ({ path, bytes: 1, ok: true })), revision: ++revision } });
  beforeEach(() => {
    session.answer = ({ type }) => {
      if (type === 'add-files' || type === 'undo-clear') data('a.npy');
      if (type === 'clear-data') data();
    };
  });

  it('come back by Undo, with what the page knew of them', async () => {
    lab.addFiles({ files: [{ path: 'a.npy', file: new File(['x'], 'a.npy') }], handles: [] });
    await vi.advanceTimersByTimeAsync(0);
    await lab.clear();
    expect(useLab.getState()).toMatchObject({ own: undefined, data: { files: [] } });
    expect(useLab.getState().notices.at(-1)?.message).toMatch(/^a\.npy taken out of use/);
    await takeBack(undoable()[0] as number);
    expect(session.asked).toEqual(['add-files', 'clear-data', 'undo-clear']);
    expect(useLab.getState()).toMatchObject({ own: 'a.npy', data: { files: [{ path: 'a.npy' }] } });
  });

  it('are not offered any more once others are there', async () => {
    data('a.npy');
    await lab.clear();
    expect(undoable()).toHaveLength(1);
    data('b.npy');
    expect(undoable()).toEqual([]);
  });
});

describe('a GPU that is not offered', () => {
  it('is asked for again by itself, with what to do on the screen meanwhile, and when the person comes back', async () => {
    let there = false;
    session.answer = ({ type }) => {
      if (type === 'open' && !there) throw new LabError('no GPU was offered', 'no-adapter');
      return { adapter: { name: 'GPU' } };
    };
    await lab.open();
    expect(useLab.getState().deviceProblem?.reason).toBe('no-adapter');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(session.asked).toEqual(Array(4).fill('open'));
    expect(useLab.getState().deviceProblem?.message).toBe('no GPU was offered');
    there = true;
    lab.comeBack();
    await vi.advanceTimersByTimeAsync(0);
    expect(useLab.getState()).toMatchObject({ device: { adapter: { name: 'GPU' } }, deviceProblem: undefined });
    lab.comeBack();
    expect(session.asked).toHaveLength(5);
  });

  it('is not asked for where the browser has no WebGPU at all', async () => {
    session.answer = () => {
      throw new LabError('no WebGPU', 'no-webgpu');
    };
    await lab.open();
    await vi.advanceTimersByTimeAsync(60_000);
    lab.comeBack();
    expect(session.asked).toEqual(['open']);
  });
});

describe('before the page goes', () => {
  it.each<[string, Partial<RunSummary>, string[], boolean]>([
    ['runs train', { state: 'training', step: 0 }, [], true],
    ['runs are paused, though saved half-way', { state: 'paused' }, ['r1'], true],
    ['runs have ended and are in this tab only', { state: 'done' }, [], true],
    ['runs have ended and were saved', { state: 'stopped' }, ['r1'], false],
    ['a run failed', { state: 'failed' }, [], false],
    ['a run was interrupted before it was measured', { state: 'interrupted' }, [], false],
    ['a run was interrupted with weights of its last evaluation', { state: 'interrupted', evaluatedAt: 3 }, [], true],
  ])('%s', (_, over, savedRuns, asks) => {
    expect(wouldLose({ runs: [run(over)], savedRuns })).toBe(asks);
  });

  it('nothing is asked of a visitor without runs', () => expect(wouldLose({ runs: [], savedRuns: [] })).toBe(false));
});
