/** A column across row groups, as an array. All its lists must be full; the levels of every page that is read are looked at. */
import { spareBuffers } from '../../bytes/spareBuffers';
import { type ByteSource, DataError } from '../../bytes/types';
import { type ArrayEntry, STORED_BYTES, type StoredDtype } from '../container';
import type { Chunk, Leaf } from './footer';
import { type ChunkContext, type Decoded, findPages, type Page, type Pages, readDictionary, readPage } from './pages';
import { allAre, areFullLists } from './runs';

/** Values decoded last: neighbouring reads share a page. */
const KEPT_PAGES = 2;

export class ParquetColumn {
  /** Values of a list of each level, outermost first: the whole row's, …, the innermost list's. */
  private spans: number[] = [];
  private readonly pages = new Map<Chunk, Promise<Pages>>();
  private readonly dictionaries = new Map<Chunk, Promise<Uint8Array | undefined>>();
  private readonly decoded = new Map<Page, Promise<Decoded>>();
  readonly rows: number;

  private constructor(
    private readonly source: ByteSource,
    private readonly leaf: Leaf,
    private readonly dtype: StoredDtype,
    private readonly chunks: readonly Chunk[],
  ) {
    this.rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0);
  }

  /**
   * Reads headers; of nested lists also the first pages, since only they tell the lengths of the inner ones.
   * @throws DataError naming file, column and row when it has nulls or its lists are of different lengths.
   */
  static async open(source: ByteSource, leaf: Leaf, dtype: StoredDtype, all: readonly Chunk[]): Promise<ParquetColumn> {
    const chunks = all.filter((chunk) => chunk.rows > 0);
    const column = new ParquetColumn(source, leaf, dtype, chunks);
    const [first] = chunks;
    if (!first) return column;
    const perRow = leaf.maxRepetition === 0 ? 1 : first.values / first.rows;
    column.spans = Number.isInteger(perRow) ? await column.findSpans(first, perRow) : [];
    if (column.spans.length < Math.min(1, leaf.maxRepetition)) await column.explain(first);
    const odd = chunks.find((chunk) => chunk.nulls > 0 || chunk.values !== chunk.rows * perRow);
    if (odd) await column.explain(odd);
    return column;
  }

  private describe(row: number): string {
    return `column ${JSON.stringify(this.leaf.name)}, row ${row}`;
  }

  private context(chunk: Chunk): ChunkContext {
    return { source: this.source, leaf: this.leaf, chunk };
  }

  /** Lengths of the lists of each level, from the first row. */
  private async findSpans(first: Chunk, perRow: number): Promise<number[]> {
    const depth = this.leaf.maxRepetition;
    const spans = new Array<number>(depth).fill(perRow);
    let unknown = depth - 1;
    for (const page of depth > 1 ? (await this.pagesOf(first)).data : []) {
      const { repetition = [] } = await this.decode(first, page);
      for (let i = page.first === 0 ? 1 : 0; i < repetition.length && page.first + i < perRow && unknown > 0; i++) {
        // A level of k begins a new list at depth k: the lists at that depth and deeper have just ended.
        for (; unknown > 0 && unknown >= (repetition[i] as number); unknown--) spans[unknown] = page.first + i;
        if ((repetition[i] as number) === 0) return [];
      }
      if (unknown === 0 || page.first + page.count >= perRow) break;
    }
    return spans.every((span, i) => span > 0 && (i === 0 || (spans[i - 1] as number) % span === 0)) ? spans : [];
  }

  /** Names the first row that is not like the others. */
  private async explain(chunk: Chunk): Promise<never> {
    const { leaf, source } = this;
    if (this.spans.length === 0 && leaf.maxRepetition > 0) this.spans = [await this.firstRowLength(chunk)];
    for (const page of (await this.pagesOf(chunk)).data) this.check(chunk, page, await this.decode(chunk, page));
    throw new DataError(
      source.path,
      `column ${JSON.stringify(leaf.name)}: ${chunk.values} values in ${chunk.rows} rows from row ${chunk.firstRow}. All lists must be full: pad or cut them.`,
    );
  }

  private async firstRowLength(chunk: Chunk): Promise<number> {
    for (const page of (await this.pagesOf(chunk)).data) {
      const { repetition = [] } = await this.decode(chunk, page);
      for (let i = 0; i < repetition.length; i++) if (repetition[i] === 0 && page.first + i > 0) return page.first + i;
    }
    return chunk.values;
  }

  /** @throws DataError naming the first row of the page with a gap, or with a list that is not full. */
  private check({ firstRow }: Chunk, page: Page, { repetition, definition }: Decoded): void {
    const { spans, source } = this;
    const { maxDefinition, maxRepetition } = this.leaf;
    const [perRow = 1] = spans;
    const refuse = (i: number, what: string) =>
      new DataError(source.path, `${this.describe(firstRow + Math.floor((page.first + i) / perRow))}: ${what}`);
    if (definition && !allAre(definition, maxDefinition)) {
      for (let i = 0; i < page.count; i++)
        if (definition[i] !== maxDefinition) throw refuse(i, 'a null or an empty list. Drop or fill such rows.');
    }
    if (!repetition || (maxRepetition === 1 && spans.length === 1 && areFullLists(repetition, page.first, perRow))) return;
    for (let i = 0; i < page.count; i++) {
      let expected = 0;
      while (expected < spans.length && (page.first + i) % (spans[expected] as number) !== 0) expected++;
      const level = repetition[i] as number;
      // With only the row's length known, inner lists may be anything.
      if (level === expected || (spans.length < maxRepetition && level > 0 === expected > 0)) continue;
      // A list that goes on too long is its own fault; one that ends too early is that of the list before.
      throw refuse(
        level < expected || i + page.first === 0 ? i : i - 1,
        `its lists are not of ${this.sizes().join(' × ')} values. All must be full: pad or cut them.`,
      );
    }
  }

  private sizes(): number[] {
    return this.spans.map((span, i) => span / (this.spans[i + 1] ?? 1));
  }

  private pagesOf(chunk: Chunk): Promise<Pages> {
    return remember(this.pages, chunk, this.chunks.length, () => findPages(this.context(chunk)));
  }

  private async decode(chunk: Chunk, page: Page): Promise<Decoded> {
    const pages = await this.pagesOf(chunk);
    const dictionary = await remember(this.dictionaries, chunk, 1, () => readDictionary(this.context(chunk), pages));
    return remember(this.decoded, page, KEPT_PAGES, () => readPage(this.context(chunk), page, dictionary));
  }

  entry(): ArrayEntry {
    const { leaf, dtype, rows } = this;
    const [perRow = 1] = this.spans;
    const total = rows * perRow;
    return {
      name: leaf.name,
      dtype,
      shape: [rows, ...this.sizes()],
      read: async (from, count) => {
        if (!(from >= 0 && count >= 0 && from + count <= total))
          throw new RangeError(`${leaf.name}: values ${from} to ${from + count} of ${total}`);
        return this.read(from, count);
      },
    };
  }

  private async read(from: number, count: number): Promise<Uint8Array> {
    const width = STORED_BYTES[this.dtype];
    // Its pages cover a chunk without gaps (findPages), so that every byte is written.
    const out = spareBuffers.take(count * width);
    let before = 0;
    for (const chunk of this.chunks) {
      const begin = Math.max(from, before);
      const end = Math.min(from + count, before + chunk.values);
      if (begin < end) {
        for (const page of (await this.pagesOf(chunk)).data) {
          const first = Math.max(begin, before + page.first);
          const last = Math.min(end, before + page.first + page.count);
          if (first >= last) continue;
          const decoded = await this.decode(chunk, page);
          this.check(chunk, page, decoded);
          const at = before + page.first;
          out.set(decoded.values.subarray((first - at) * width, (last - at) * width), (first - from) * width);
        }
      }
      before += chunk.values;
    }
    return out;
  }
}

/** A small cache in which the oldest makes room. Failures are not kept: a read may succeed later. */
function remember<K, V>(cache: Map<K, Promise<V>>, key: K, most: number, make: () => Promise<V>): Promise<V> {
  const kept = cache.get(key);
  if (kept) return kept;
  const made = make();
  cache.set(key, made);
  for (const oldest of cache.keys()) if (cache.size > most) cache.delete(oldest);
  made.catch(() => cache.delete(key));
  return made;
}
