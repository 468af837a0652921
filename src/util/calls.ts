/**
 * Questions to another thread and their answers: numbered, so that answers may come in any order; what is large changes hands; an error
 * arrives as it was thrown. Knows nothing of workers: whoever asks posts, whoever answers posts back.
 */
import { messageOf } from './errors';

export type Numbered<T> = T & { id: number };

/** An error as it crosses: cloning keeps neither its class nor what it knows beside its words, such as `path` or `reason`. */
export interface SentError {
  name: string;
  message: string;
  [fact: string]: unknown;
}

export type Reply<V> = { ok: true; value: V } | { ok: false; error: SentError };

const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);

export function sentError(cause: unknown): SentError {
  if (!(cause instanceof Error)) return { name: 'Error', message: messageOf(cause) };
  return { ...Object.fromEntries(Object.entries(cause).filter(([, fact]) => isPlain(fact))), name: cause.name, message: cause.message };
}

/** Name, words and facts as they were sent; the class is the asker's to choose. */
export function revivedError({ name, message, ...facts }: SentError): Error {
  return Object.assign(new Error(message), facts, { name });
}

/** The asker's end. */
export class Calls {
  private readonly pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private nextId = 1;

  constructor(private readonly revive: (sent: SentError) => Error = revivedError) {}

  /**
   * Asks a question.
   * @param post sends it with this number. When it throws, so does the question.
   */
  ask<V>(post: (id: number) => void): Promise<V> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve: (value) => resolve(value as V), reject });
      try {
        post(id);
      } catch (error) {
        this.pending.delete(id);
        throw error;
      }
    });
  }

  /** An answer has come. One to a question that nobody waits for any more is dropped. */
  settle(reply: Numbered<Reply<unknown>>): void {
    const asked = this.pending.get(reply.id);
    this.pending.delete(reply.id);
    if (reply.ok) asked?.resolve(reply.value);
    else asked?.reject(this.revive(reply.error));
  }

  /** Nobody is there to answer any more. */
  fail(why: string): void {
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const { reject } of waiting) reject(this.revive({ name: 'Error', message: why }));
  }
}

/**
 * The other end: does what was asked.
 * @param transferOf what of the value changes hands instead of being copied. @returns the answer to post. Never rejects.
 */
export async function answer<V>(
  id: number,
  work: () => V | Promise<V>,
  transferOf: (value: V) => ArrayBuffer[] = () => [],
): Promise<{ reply: Numbered<Reply<V>>; transfer: ArrayBuffer[] }> {
  try {
    const value = await work();
    return { reply: { id, ok: true, value }, transfer: transferOf(value) };
  } catch (cause) {
    return { reply: { id, ok: false, error: sentError(cause) }, transfer: [] };
  }
}
