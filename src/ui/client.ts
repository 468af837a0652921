/** The page's end of the protocol: commands out, events in. The page knows the worker only through LabClient. */
import type { GpuFailure } from '../gpu/device';
import type { Command, Envelope, LabEvent, ReplyOf } from '../lab/protocol';

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

interface Pending {
  resolve(value: unknown): void;
  reject(error: LabError): void;
}

export class WorkerClient implements LabClient {
  private readonly pending = new Map<number, Pending>();
  private readonly listeners = new Set<(event: LabEvent) => void>();
  private nextId = 1;

  constructor(private readonly worker: Worker) {
    worker.onmessage = (message: MessageEvent<LabEvent>) => this.receive(message.data);
    worker.onerror = (event) =>
      this.fail(`The training worker failed: ${event.message || 'it could not be loaded'}. Reload the page to start again.`);
  }

  send<C extends Command>(command: C): Promise<ReplyOf<C['type']>> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve: (value) => resolve(value as ReplyOf<C['type']>), reject });
      this.worker.postMessage({ id, command } satisfies Envelope);
    });
  }

  subscribe(listener: (event: LabEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private receive(event: LabEvent): void {
    if (event.type !== 'reply') {
      for (const listener of this.listeners) listener(event);
      return;
    }
    const pending = this.pending.get(event.id);
    this.pending.delete(event.id);
    if (event.ok) pending?.resolve(event.value);
    else pending?.reject(new LabError(event.error, event.reason));
  }

  private fail(message: string): void {
    for (const pending of this.pending.values()) pending.reject(new LabError(message));
    this.pending.clear();
    for (const listener of this.listeners) listener({ type: 'notice', level: 'error', message });
  }
}
