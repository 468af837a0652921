/** Joins worker and store: every event becomes state, every action a command whose failure becomes a notice. */

import type { Command, DataState, LabEvent, Picked, ReplyOf, RunSummary, SweepConfig } from '../lab/protocol';
import { type SettingValues, settingsFromConfig } from '../lab/settings';
import { messageOf } from '../util/errors';
import { baseName } from '../util/paths';
import { type LabClient, LabError } from './client';
import type { Drop, SourceFile } from './drop';
import { filesBehind, forgetHandles, joined, mayRead, rememberedHandles, rememberHandles } from './folders';
import { MetricStore } from './metricStore';
import { addNotice, selectRun, useLab } from './store';
import { latest } from './throttle';

/** The table changes at most four times a second, however often the worker reports. */
const RUNS_EVERY_MS = 250;

export class Lab {
  readonly metrics = new MetricStore();
  private readonly showRuns = latest((runs: RunSummary[]) => this.applyRuns(runs), RUNS_EVERY_MS);

  /** Ways back to the files in use, by path, and to what was dropped. */
  private readonly handles = new Map<string, FileSystemFileHandle>();
  private remembered: FileSystemHandle[] = [];
  /** The person's own files in use, by path, and those that the demo took the place of. */
  private own = new Map<string, File>();
  private replaced: Replaced | undefined;

  constructor(private readonly client: LabClient) {
    client.subscribe((event) => this.receive(event));
  }

  async open(): Promise<void> {
    try {
      // Without a device while it opens: what depends on it is asked anew.
      useLab.setState({ device: undefined, deviceProblem: undefined, deviceLost: undefined });
      useLab.setState({ device: await this.client.send({ type: 'open' }) });
    } catch (error) {
      useLab.setState({ deviceProblem: { reason: error instanceof LabError ? error.reason : undefined, message: messageOf(error) } });
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
    if (!(await this.clear())) return;
    await this.openFiles([...files].map(([path, file]) => ({ path, file, handle: this.handles.get(path) })));
    if (data.picked) await this.attempt({ type: 'choose', choices: answersOf(data.picked) });
    if (data.model?.hook) await this.attempt({ type: 'choose-hook', hook: data.model.hook });
    if (data.filterRequest) await this.attempt({ type: 'filter', request: data.filterRequest });
    useLab.setState({ form });
  }

  /** @returns whether the data are gone. */
  async clear(): Promise<boolean> {
    await this.busy({ type: 'clear-data' });
    if (useLab.getState().data.files.length > 0) return false;
    this.setOwn(new Map());
    this.replaced = undefined;
    useLab.setState({ replaced: undefined });
    return true;
  }

  addFiles({ files, handles }: Drop): void {
    if (files.length === 0) return addNotice('warning', 'Nothing readable was dropped. Drop files or folders from your disk.');
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
    this.remembered = [];
    useLab.setState({ remembered: [] });
    await forgetHandles();
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
      return addNotice('error', `${trouble.path} is still not readable: ${messageOf(error)} Put it back and try again, skip it, or stop.`);
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
        return addNotice(event.level, event.message);
      case 'device-lost':
        return useLab.setState({ deviceLost: event.message });
      default:
        return event satisfies never;
    }
  }

  private applyRuns(runs: RunSummary[]): void {
    this.metrics.keep(new Set(runs.map((r) => r.id)));
    const { selectedRunId } = useLab.getState();
    const selection = runs.some((r) => r.id === selectedRunId) ? selectedRunId : runs[0]?.id;
    useLab.setState({ runs });
    if (selection !== selectedRunId) selectRun(selection);
  }
}

interface Replaced {
  files: Map<string, File>;
  data: DataState;
  form: SettingValues;
}

const answersOf = ({ tensor, wordsAreBf16 }: Picked): { tensor?: string; wordsAreBf16?: boolean } => ({
  ...(tensor !== undefined && { tensor }),
  ...(wordsAreBf16 !== undefined && { wordsAreBf16 }),
});

const withFiles = (before: ReadonlyMap<string, File>, files: readonly SourceFile[]): Map<string, File> =>
  new Map([...before, ...files.map(({ path, file }) => [path, file] as const)]);

const inWords = (files: ReadonlyMap<string, File>): string =>
  files.size === 1 ? baseName([...files.keys()][0] ?? '') : `${files.size} files`;
