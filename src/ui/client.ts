/** The page's end of the protocol: commands out, events in. The page knows the worker only through LabClient. */
import type { GpuFailure } from '../gpu/device';
import type { Command, Envelope, LabEvent, ReplyOf } from '../lab/protocol';
import { Calls } from '../util/calls';

export interface LabClient {
  /** Resolves with the command's reply; rejects with a LabError when it failed. */
  send<C extends Command>(command: C): Promise<ReplyOf<C['type']>>;
  /** Everything but replies. Returns the unsubscriber. */
  subscribe(listener: (event: LabEvent) => void): () => void;
}

export class LabError extends Error {
  override name = 'LabError';
  constructor(
    message: string,
    /** Set when there is no usable GPU. */
    readonly reason?: GpuFailure,
  ) {
    super(message);
  }
}

export class WorkerClient implements LabClient {
  private readonly calls = new Calls(({ message, reason }) => new LabError(message, reason as GpuFailure | undefined));
  private readonly listeners = new Set<(event: LabEvent) => void>();

  constructor(private readonly worker: Worker) {
    worker.onmessage = (message: MessageEvent<LabEvent>) => this.receive(message.data);
    worker.onerror = (event) =>
      this.fail(`The training worker failed: ${event.message || 'it could not be loaded'}. Reload the page to start again.`);
  }

  send<C extends Command>(command: C): Promise<ReplyOf<C['type']>> {
    return this.calls.ask((id) => this.worker.postMessage({ id, command } satisfies Envelope));
  }

  subscribe(listener: (event: LabEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private receive(event: LabEvent): void {
    if (event.type === 'reply') return this.calls.settle(event);
    for (const listener of this.listeners) listener(event);
  }

  private fail(message: string): void {
    this.calls.fail(message);
    for (const listener of this.listeners) listener({ type: 'notice', level: 'error', message });
  }
}
