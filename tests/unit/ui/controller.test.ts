/** What the page asks of the session, seen through a client that only writes down. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Command, DataState, LabEvent, ReplyOf } from '../../../src/lab/protocol';
import { defaultForm } from '../../../src/lab/settings';
import type { LabClient } from '../../../src/ui/client';
import { Lab } from '../../../src/ui/controller';
import type { SourceFile } from '../../../src/ui/drop';
import { initialState, useLab } from '../../../src/ui/store';

/** A session that has the files it was given, until it is told otherwise; refuses while it trains. */
class Recorder implements LabClient {
  readonly asked: Command[] = [];
  refuses: Command['type'][] = [];
  private tell: (event: LabEvent) => void = () => undefined;
  private data: DataState = { files: [], revision: 0 };

  async send<C extends Command>(command: C): Promise<ReplyOf<C['type']>> {
    this.asked.push(command);
    if (this.refuses.includes(command.type)) throw new Error('Runs are training.');
    const report = (path: string) => ({ path, bytes: 1, ok: true });
    if (command.type === 'add-files') this.change({ files: [...this.data.files, ...command.files.map(({ path }) => report(path))] });
    if (command.type === 'clear-data') this.change({ files: [] }, true);
    if (command.type === 'demo') this.change({ files: [report('demo/model.safetensors')], isDemo: true }, true);
    return undefined as ReplyOf<C['type']>;
  }

  subscribe(listener: (event: LabEvent) => void): () => void {
    this.tell = listener;
    return () => undefined;
  }

  change(data: Partial<DataState>, isNew = false): void {
    this.data = { ...(isNew ? { files: [] } : this.data), ...data, revision: (this.data.revision ?? 0) + 1 };
    this.tell({ type: 'data', data: this.data });
  }

  get types(): string[] {
    return this.asked.map(({ type }) => type);
  }
}

const file = (path: string, handle?: Partial<FileSystemFileHandle>): SourceFile => ({
  path,
  file: new File([path], path),
  ...(handle && { handle: handle as FileSystemFileHandle }),
});
/** Commands and their events go round in a few microtasks. */
const settled = () => new Promise((resolve) => setTimeout(resolve));
const notices = () => useLab.getState().notices.map(({ message }) => message);

let client: Recorder;
let lab: Lab;
beforeEach(() => {
  useLab.setState(initialState(), true);
  client = new Recorder();
  lab = new Lab(client);
});

async function drop(...files: SourceFile[]): Promise<void> {
  lab.addFiles({ files, handles: [] });
  await settled();
}

describe('the demo in the place of files', () => {
  it('is undone by one call: the same files, answers, rows left out and settings', async () => {
    await drop(file('a.pt'), file('b.pt'));
    expect(useLab.getState().own).toBe('2 files');
    client.change({ picked: { tensor: 'layer_4', among: ['layer_3', 'layer_4'] }, filterRequest: { bos: true } });
    useLab.setState({ form: { ...defaultForm(), steps: '77' } });
    await lab.demo('hook');
    expect(useLab.getState()).toMatchObject({ replaced: '2 files', own: undefined });
    useLab.setState({ form: defaultForm() });
    client.asked.length = 0;
    await lab.putBack();
    expect(client.asked).toMatchObject([
      { type: 'clear-data' },
      { type: 'add-files', files: [{ path: 'a.pt' }, { path: 'b.pt' }] },
      { type: 'choose', choices: { tensor: 'layer_4' } },
      { type: 'filter', request: { bos: true } },
    ]);
    expect(useLab.getState().form.steps).toBe('77');
    expect(useLab.getState()).toMatchObject({ replaced: undefined, own: '2 files' });
  });

  it('replaces nothing where there was nothing, or where it was refused', async () => {
    await lab.demo('hook');
    expect(useLab.getState().replaced).toBeUndefined();
    await lab.clear();
    await drop(file('acts.npy'));
    client.refuses = ['demo', 'clear-data'];
    await lab.demo('hook');
    expect(useLab.getState()).toMatchObject({ replaced: undefined, own: 'acts.npy' });
    expect(await lab.clear()).toBe(false);
    expect(useLab.getState().own).toBe('acts.npy');
  });

  it('forgets no file that was refused, and takes none for its own', async () => {
    await drop(file('acts.npy'));
    client.refuses = ['add-files'];
    await drop(file('more.npy'));
    expect(useLab.getState().own).toBe('acts.npy');
    expect(notices()).toEqual(['Runs are training.']);
  });
});

describe('a file that the runs wait for', () => {
  const trouble = { path: 'acts/b.npy', message: 'cannot be read any more.', files: ['acts/b.npy'] };
  const handle = (permission: PermissionState, read: () => Promise<File>) => ({
    queryPermission: async () => 'prompt',
    requestPermission: async () => permission,
    getFile: read,
  });

  it('is opened from its handle as it is now', async () => {
    const now = new File(['new'], 'b.npy');
    await drop(
      file(
        'acts/b.npy',
        handle('granted', async () => now),
      ),
    );
    useLab.setState({ session: { phase: 'paused', note: '', trouble } });
    await lab.retryFile();
    expect(client.asked.at(-1)).toEqual({ type: 'retry-file', files: [{ path: 'acts/b.npy', file: now }] });
  });

  it.each([
    ['permission is withdrawn', handle('denied', async () => new File([], 'b.npy')), /not allowed to read it/],
    [
      'it is gone',
      handle('granted', () => Promise.reject(new DOMException('A requested file could not be found.', 'NotFoundError'))),
      /could not be found\./,
    ],
    [
      'it may not be read',
      handle('granted', () => Promise.reject(new DOMException('The request is not allowed.', 'NotAllowedError'))),
      /not allowed\./,
    ],
  ])('is asked for again, by name, when %s: the session goes on waiting', async (_, broken, why) => {
    await drop(file('acts/b.npy', broken as Partial<FileSystemFileHandle>));
    useLab.setState({ session: { phase: 'paused', note: '', trouble } });
    await lab.retryFile();
    expect(client.types).toEqual(['add-files']);
    expect(notices()).toEqual([
      expect.stringMatching(/^acts\/b\.npy is still not readable: .* Put it back and try again, skip it, or stop\.$/),
    ]);
    expect(notices()[0]).toMatch(why);
  });

  it('is taken when it is dropped again, under the path that it had', async () => {
    useLab.setState({ session: { phase: 'paused', note: '', trouble } });
    const again = file('b.npy');
    await drop(again);
    expect(client.asked).toEqual([{ type: 'retry-file', files: [{ path: 'acts/b.npy', file: again.file }] }]);
  });
});
