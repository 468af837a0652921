/** Joins worker and store: every event becomes state, every action a command whose failure becomes a notice. */

import type { GpuFailure } from '../gpu/device';
import type { Command, DataState, LabEvent, Picked, ReplyOf, RunSummary, SweepConfig } from '../lab/protocol';
import { type SettingValues, settingsFromConfig } from '../lab/settings';
import { messageOf } from '../util/errors';
import { baseName } from '../util/paths';
import { type LabClient, LabError } from './client';
import type { Drop, SourceFile } from './drop';
import { filesBehind, forgetHandles, joined, mayRead, rememberedHandles, rememberHandles } from './folders';
import { MetricStore } from './metricStore';
import { nextSelection } from './shownSet';
import { addNotice, dismissNotice, selectRun, useLab } from './store';
import { latest } from './throttle';
import { offerUndo } from './undo';

/** The table changes at most four times a second, however often the worker reports. */
const RUNS_EVERY_MS = 250;

/** Waits before the page asks for a GPU again by itself, ms. */
const AGAIN_MS = [2000, 5000, 15_000];

/** Whether a GPU that is not there now may be there later, without a reload. */
export const mayComeBack = (reason: GpuFailure | undefined): boolean => reason === 'no-adapter' || reason === 'device';

export class Lab {
  readonly metrics = new MetricStore();
  private readonly showRuns = latest((runs: RunSummary[]) => this.applyRuns(runs), RUNS_EVERY_MS);

  /** Ways back to the files in use, by path, and to what was dropped. */
  private readonly handles = new Map<string, FileSystemFileHandle>();
  private remembered: FileSystemHandle[] = [];
  /** The person's own files in use, by path, and those that the demo took the place of. */
  private own = new Map<string, File>();
  private replaced: Replaced | undefined;
  /** The runs as the session has them; of these, the ones that were removed and may come back. */
  private all: readonly RunSummary[] = [];
  private readonly removed = new Set<string>();
  private again: ReturnType<typeof setTimeout> | undefined;
  private cleared: number | undefined;

  constructor(private readonly client: LabClient) {
    client.subscribe((event) => this.receive(event));
  }

  async open(): Promise<void> {
    // Without a device while it opens: what depends on it is asked anew.
    useLab.setState({ device: undefined, deviceProblem: undefined, deviceLost: undefined });
    await this.askForGpu(AGAIN_MS);
  }

  /** The person is back at this tab: perhaps from the browser's settings. */
  comeBack(): void {
    if (mayComeBack(useLab.getState().deviceProblem?.reason)) void this.askForGpu([]);
  }

  /** What is shown stays until there is a GPU. @param waits before each further question, where one may help. */
  private async askForGpu([wait, ...more]: readonly number[]): Promise<void> {
    clearTimeout(this.again);
    try {
      useLab.setState({ device: await this.client.send({ type: 'open' }), deviceProblem: undefined });
    } catch (error) {
      const reason = error instanceof LabError ? error.reason : undefined;
      useLab.setState({ deviceProblem: { reason, message: messageOf(error) } });
      if (wait !== undefined && mayComeBack(reason)) this.again = setTimeout(() => void this.askForGpu(more), wait);
    }
  }

  /** What it takes the place of can be put back. */
  async demo(hook: string): Promise<void> {
    const { data, form } = useLab.getState();
    const before: Replaced = { files: this.own, data, form };
    const reply = await this.busy({ type: 'demo', hook });
    if (before.files.size > 0 && useLab.getState().data.isDemo) {
      this.replaced = before;
      useLab.setState({ replaced: inWords(before.files) });
      this.setOwn(new Map());
    }
    // The form shows what was started, so that runs added next share its batches.
    if (reply) useLab.setState({ form: settingsFromConfig(reply.config) });
  }

  /** The files that the demo took the place of, as they were read, and the settings of then. */
  async putBack(): Promise<void> {
    const { replaced } = this;
    if (!replaced) return;
    const { files, form, data } = replaced;
    if (!(await this.empty())) return;
    await this.openFiles([...files].map(([path, file]) => ({ path, file, handle: this.handles.get(path) })));
    if (data.picked) await this.attempt({ type: 'choose', choices: answersOf(data.picked) });
    if (data.model?.hook) {
      const insist = data.model.hookCheck?.verdict === 'trusted';
      await this.attempt({ type: 'choose-hook', hook: data.model.hook, insist });
    }
    if (data.filterRequest) await this.attempt({ type: 'filter', request: data.filterRequest });
    useLab.setState({ form });
  }

  /** @returns whether the data are gone. */
  private async empty(): Promise<boolean> {
    await this.busy({ type: 'clear-data' });
    if (useLab.getState().data.files.length > 0) return false;
    this.setOwn(new Map());
    this.replaced = undefined;
    useLab.setState({ replaced: undefined });
    return true;
  }

  /** Takes the data away, and offers them back for a while. @returns whether they are gone. */
  async clear(): Promise<boolean> {
    const { own, replaced } = this;
    const { replaced: inWordsBefore, data } = useLab.getState();
    if (!(await this.empty())) return false;
    const words = own.size > 0 ? inWords(own) : data.isDemo ? 'The demo' : 'The data';
    this.cleared = offerUndo(`${words} taken out of use; the runs stay.`, async () => {
      await this.busy({ type: 'undo-clear' });
      if (useLab.getState().data.files.length === 0) return;
      this.setOwn(own);
      this.replaced = replaced;
      useLab.setState({ replaced: inWordsBefore });
    });
    return true;
  }

  /** Takes an ended run off the list, and for good when that is no longer taken back. */
  removeRun({ id, name }: RunSummary): void {
    const show = (isRemoved: boolean) => {
      this.removed[isRemoved ? 'add' : 'delete'](id);
      this.applyRuns(this.all);
    };
    show(true);
    offerUndo(
      `${name} removed.`,
      () => show(false),
      () =>
        void this.client.send({ type: 'remove-run', run: id }).catch((error: unknown) => {
          addNotice('error', messageOf(error));
          show(false);
        }),
    );
  }

  addFiles({ files, handles }: Drop): void {
    if (files.length === 0) return void addNotice('warning', 'Nothing readable was dropped. Drop files or folders from your disk.');
    const again = this.inPlaceOfTrouble(files);
    if (again) {
      this.setOwn(withFiles(this.own, again));
      return void this.busy({ type: 'retry-file', files: again });
    }
    void this.remember(handles);
    void this.openFiles(files);
  }

  /** What was dropped on an earlier visit, for its button. */
  async recall(): Promise<void> {
    this.remembered = await rememberedHandles();
    useLab.setState({ remembered: this.remembered.map(({ name }) => name) });
  }

  /** Opens it again. Call from a click: the browser asks. */
  async reconnect(): Promise<void> {
    try {
      await this.openFiles(await filesBehind(this.remembered));
    } catch (error) {
      addNotice('error', `Not reconnected: ${messageOf(error)}`);
    }
  }

  async forget(): Promise<void> {
    const before = this.remembered;
    const remember = (handles: FileSystemHandle[]) => {
      this.remembered = handles;
      useLab.setState({ remembered: handles.map(({ name }) => name) });
    };
    remember([]);
    await forgetHandles();
    offerUndo('What was dropped before is forgotten.', async () => remember(await rememberHandles(before)));
  }

  /** Reads the file that the runs wait for again: as it is now on disk where there is a way back to it, else as it was dropped. */
  async retryFile(): Promise<void> {
    const { trouble } = useLab.getState().session;
    if (!trouble) return;
    const files: SourceFile[] = [];
    try {
      for (const path of trouble.files) {
        const handle = this.handles.get(path);
        if (!handle) continue;
        if (!(await mayRead(handle))) throw new Error('the browser was not allowed to read it.');
        files.push({ path, file: await handle.getFile() });
      }
    } catch (error) {
      return void addNotice(
        'error',
        `${trouble.path} is still not readable: ${messageOf(error)} Put it back and try again, skip it, or stop.`,
      );
    }
    this.setOwn(withFiles(this.own, files));
    await this.busy({ type: 'retry-file', files });
  }

  private async openFiles(files: readonly SourceFile[]): Promise<void> {
    const { revision } = useLab.getState().data;
    for (const { path, handle } of files) {
      if (handle) this.handles.set(path, handle);
      else this.handles.delete(path);
    }
    await this.busy({ type: 'add-files', files: files.map(({ path, file }) => ({ path, file })) });
    // The same when they were refused, because runs train.
    if (useLab.getState().data.revision !== revision) this.setOwn(withFiles(this.own, files));
  }

  private setOwn(files: Map<string, File>): void {
    this.own = files;
    useLab.setState({ own: files.size > 0 ? inWords(files) : undefined });
  }

  /** A second drop belongs to the first while its data is there. */
  private async remember(handles: readonly FileSystemHandle[]): Promise<void> {
    if (handles.length === 0) return;
    const { files } = useLab.getState().data;
    this.remembered = await rememberHandles(files.length > 0 ? await joined(this.remembered, handles) : handles);
    useLab.setState({ remembered: this.remembered.map(({ name }) => name) });
  }

  /** Files dropped while runs wait for them, under the paths that they had. */
  private inPlaceOfTrouble(files: readonly SourceFile[]): { path: string; file: File }[] | undefined {
    const wanted = useLab.getState().session.trouble?.files ?? [];
    const found = wanted.flatMap((path) => {
      const same = files.find((file) => baseName(file.path) === baseName(path));
      return same ? [{ path, file: same.file }] : [];
    });
    return found.length > 0 ? found : undefined;
  }

  async start(config: SweepConfig): Promise<void> {
    const reply = await this.busy({ type: 'start', config });
    if (reply?.runs[0] && !useLab.getState().selectedRunId) selectRun(reply.runs[0]);
  }

  /** Commands without a reply worth reading. */
  do(command: Command): void {
    void this.busy(command);
  }

  /** The reply, or undefined after a notice. */
  async attempt<C extends Command>(command: C): Promise<ReplyOf<C['type']> | undefined> {
    try {
      return await this.client.send(command);
    } catch (error) {
      addNotice('error', messageOf(error));
      return undefined;
    }
  }

  /** For questions whose failure the asker shows itself. */
  ask<C extends Command>(command: C): Promise<ReplyOf<C['type']>> {
    return this.client.send(command);
  }

  private async busy<C extends Command>(command: C): Promise<ReplyOf<C['type']> | undefined> {
    useLab.setState({ busy: command.type });
    try {
      return await this.attempt(command);
    } finally {
      if (useLab.getState().busy === command.type) useLab.setState({ busy: undefined });
    }
  }

  private receive(event: LabEvent): void {
    switch (event.type) {
      case 'reply':
        return;
      case 'data':
        // What comes after a clear is not mixed with what was before it.
        if (this.cleared !== undefined && event.data.files.length > 0) dismissNotice(this.cleared);
        return useLab.setState({ data: event.data });
      case 'state':
        return useLab.setState({ session: event.state });
      case 'runs':
        return this.showRuns(event.runs);
      case 'log':
        return this.metrics.appendLog(event.run, event.values);
      case 'evaluated':
        return this.metrics.addEvaluation(event.run, { step: event.step, metrics: event.metrics }, event.density);
      case 'notice':
        return void addNotice(event.level, event.message);
      case 'device-lost':
        return useLab.setState({ deviceLost: event.message });
      default:
        return event satisfies never;
    }
  }

  private applyRuns(all: readonly RunSummary[]): void {
    this.all = all;
    this.metrics.keep(new Set(all.map((r) => r.id)));
    for (const id of this.removed) if (!all.some((run) => run.id === id)) this.removed.delete(id);
    const runs = all.filter(({ id }) => !this.removed.has(id));
    const { runs: before, selectedRunId } = useLab.getState();
    const selection = nextSelection(before, runs, selectedRunId);
    useLab.setState({ runs });
    if (selection !== selectedRunId) selectRun(selection);
  }
}

interface Replaced {
  files: Map<string, File>;
  data: DataState;
  form: SettingValues;
}

const answersOf = ({ tensor, wordsAreBf16, allowDuplicates }: Picked): Omit<Picked, 'among'> => ({
  ...(tensor !== undefined && { tensor }),
  ...(wordsAreBf16 !== undefined && { wordsAreBf16 }),
  ...(allowDuplicates !== undefined && { allowDuplicates }),
});

const withFiles = (before: ReadonlyMap<string, File>, files: readonly SourceFile[]): Map<string, File> =>
  new Map([...before, ...files.map(({ path, file }) => [path, file] as const)]);

const inWords = (files: ReadonlyMap<string, File>): string =>
  files.size === 1 ? baseName([...files.keys()][0] ?? '') : `${files.size} files`;
