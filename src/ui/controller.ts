/** Joins worker and store: every event becomes state, every action a command whose failure becomes a notice. */
import type { Command, LabEvent, ReplyOf, RunSummary, SweepConfig } from '../lab/protocol';
import { settingsFromConfig } from '../lab/settings';
import { type LabClient, LabError } from './client';
import type { SourceFile } from './drop';
import { MetricStore } from './metricStore';
import { addNotice, selectRun, useLab } from './store';
import { latest } from './throttle';

/** The table changes at most four times a second, however often the worker reports. */
const RUNS_EVERY_MS = 250;

export class Lab {
  readonly metrics = new MetricStore();
  private readonly showRuns = latest((runs: RunSummary[]) => this.applyRuns(runs), RUNS_EVERY_MS);

  constructor(private readonly client: LabClient) {
    client.subscribe((event) => this.receive(event));
  }

  async open(): Promise<void> {
    try {
      useLab.setState({ deviceProblem: undefined, deviceLost: undefined });
      useLab.setState({ device: await this.client.send({ type: 'open' }) });
    } catch (error) {
      useLab.setState({ deviceProblem: { reason: error instanceof LabError ? error.reason : undefined, message: messageOf(error) } });
    }
  }

  async demo(hook: string): Promise<void> {
    const reply = await this.busy({ type: 'demo', hook });
    // The form shows what was started, so that runs added next share its batches.
    if (reply) useLab.setState({ form: settingsFromConfig(reply.config) });
  }

  addFiles(files: SourceFile[]): void {
    if (files.length > 0) void this.busy({ type: 'add-files', files });
    else addNotice('warning', 'Nothing readable was dropped. Drop files or folders from your disk.');
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
