/** Questions and answers across a real message channel: cloned and transferred as between threads. */
import { afterEach, describe, expect, it } from 'vitest';
import { answer, Calls, type Numbered, type Reply, revivedError, sentError } from '../../../src/util/calls';

class Refusal extends Error {
  override name = 'Refusal';
  constructor(
    message: string,
    readonly path: string,
    readonly deep = { not: 'sent' },
  ) {
    super(message);
  }
}

type Question = { ask: 'double'; n: number } | { ask: 'fill'; bytes: number } | { ask: 'refuse' } | { ask: 'never' };

const channels: MessageChannel[] = [];
afterEach(() => {
  for (const { port1 } of channels.splice(0)) port1.close();
});

/** Another thread that answers, the later asked the sooner. */
function thread() {
  const channel = new MessageChannel();
  channels.push(channel);
  const { port1, port2 } = channel;
  const calls = new Calls();
  const buffers: ArrayBuffer[] = [];
  const work = async (question: Question): Promise<unknown> => {
    if (question.ask === 'never') return new Promise(() => undefined);
    if (question.ask === 'refuse') throw new Refusal('a.npy: is gone', 'a.npy');
    if (question.ask === 'double') {
      await new Promise((resolve) => setTimeout(resolve, 20 - question.n));
      return 2 * question.n;
    }
    return new Uint8Array(question.bytes).fill(7);
  };
  port2.onmessage = async ({ data: { id, ...question } }: MessageEvent<Numbered<Question>>) => {
    const { reply, transfer } = await answer(
      id,
      () => work(question as Question),
      (value) => (value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : []),
    );
    buffers.push(...transfer);
    port2.postMessage(reply, transfer);
  };
  port1.onmessage = ({ data }: MessageEvent<Numbered<Reply<unknown>>>) => calls.settle(data);
  const ask = <V>(question: Question) => calls.ask<V>((id) => port1.postMessage({ id, ...question }));
  return { ask, calls, buffers };
}

describe('questions to another thread', () => {
  it('find their answers, in whatever order these come', async () => {
    const { ask } = thread();
    expect(await Promise.all([1, 5, 12].map((n) => ask<number>({ ask: 'double', n })))).toEqual([2, 10, 24]);
  });

  it('hand over what is large instead of copying it', async () => {
    const { ask, buffers } = thread();
    const bytes = await ask<Uint8Array>({ ask: 'fill', bytes: 4096 });
    expect([bytes.length, bytes[4095]]).toEqual([4096, 7]);
    expect(
      buffers.map((buffer) => buffer.byteLength),
      'it is gone where it was made',
    ).toEqual([0]);
  });

  it('bring an error back with its name, words and facts', async () => {
    const { ask } = thread();
    const error = await ask({ ask: 'refuse' }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'Refusal', message: 'a.npy: is gone', path: 'a.npy' });
    expect(error).not.toHaveProperty('deep');
  });

  it('fail together when nobody is there any more, in the words and class of the asker', async () => {
    const calls = new Calls(({ message }) => new RangeError(message));
    const questions = [calls.ask(() => undefined), calls.ask(() => undefined)];
    calls.fail('the worker failed');
    for (const question of questions) await expect(question).rejects.toEqual(new RangeError('the worker failed'));
    calls.settle({ id: 1, ok: true, value: 'too late' });
  });

  it('fail at once when they cannot be sent', async () => {
    const calls = new Calls();
    await expect(
      calls.ask(() => {
        throw new DOMException('could not be cloned', 'DataCloneError');
      }),
    ).rejects.toThrow('could not be cloned');
  });
});

it('what is thrown and is no error crosses in words', () => {
  expect(sentError('gone')).toEqual({ name: 'Error', message: 'gone' });
  expect(revivedError(sentError(new Refusal('x', 'p')))).toMatchObject({ name: 'Refusal', message: 'x', path: 'p' });
});
