/** Reading all rows of a set, turn about with a plain read. In Node and in the page. */
import { blockRows, cutBlocks, epochOrder } from '../../src/data/rows/order';
import { BlockStream } from '../../src/data/rows/stream';
import type { RowSource } from '../../src/data/rows/types';

/** Seconds of each turn. */
export interface Turns {
  /** Of the files. */
  bytes: number;
  plain: number[];
  stream: number[];
}

/** Reads every row once, checked, in the shuffled order of the first epoch. @throws Error when not all came. */
export async function readRows(sources: readonly RowSource[], rows: number): Promise<void> {
  const ranges = sources.map((source, i) => ({ source: i, start: 0, rows: source.facts.rows }));
  const blocks = cutBlocks(ranges, (index) => {
    const { d, dtype } = (sources[index] as RowSource).facts;
    return blockRows(d, dtype);
  });
  const stream = new BlockStream(sources, epochOrder(blocks, 0, 0, true));
  let found = 0;
  for (let next = await stream.next(); next; next = await stream.next()) {
    found += next.block.rows;
    stream.release(next);
  }
  if (found !== rows) throw new Error(`${found} rows of ${rows} came`);
}

const secondsOf = async (work: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
};

/** One turn of each is not counted: it brings the files into the page cache. */
export async function takeTurns(
  turns: number,
  plain: () => Promise<void>,
  stream: () => Promise<void>,
): Promise<Pick<Turns, 'plain' | 'stream'>> {
  await plain();
  await stream();
  const result: Pick<Turns, 'plain' | 'stream'> = { plain: [], stream: [] };
  for (let turn = 0; turn < turns; turn++) {
    result.plain.push(await secondsOf(plain));
    result.stream.push(await secondsOf(stream));
  }
  return result;
}
