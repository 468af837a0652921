/**
 * A tensor's values in C order, out of a storage they lie in with any strides: transposed, sliced, expanded, overlapping. What lies
 * together is read at once; what is spread thinly in pieces, so that memory stays bounded whatever the strides.
 */

/** What a view is a view of. Offsets and lengths in bytes. */
export interface StoredBytes {
  read(from: number, length: number): Promise<Uint8Array>;
}

export interface View {
  readonly storage: StoredBytes;
  /** Bytes of a value. */
  readonly width: number;
  readonly isBigEndian: boolean;
  /** In values of the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** One axis of a piece: `size` values, `from` apart in the storage and `to` apart in the result. */
interface Axis {
  size: number;
  from: number;
  to: number;
}

/** A piece: values that form a full grid. */
interface Box {
  base: number;
  at: number;
  axes: Axis[];
}

/** Most bytes read at once where not all of them are wanted. */
const PIECE = 8 * 2 ** 20;
/** Unwanted bytes between two runs that are read over: about what a read of its own costs. */
const GAP = 64 * 1024;

/** `count` values from value `from`, little-endian. The range must lie inside the view, the view inside its storage. */
export async function readView(view: View, from: number, count: number): Promise<Uint8Array> {
  const { storage, width, offset } = view;
  if (count === 0) return new Uint8Array(0);
  const boxes: Box[] = [];
  cut(mergedAxes(view), from, count, { base: offset, at: 0 }, boxes);
  const [first] = boxes as [Box];
  if (boxes.length === 1 && isRun(first.axes)) {
    const bytes = await storage.read(first.base * width, count * width);
    return view.isBigEndian ? swapped(new Uint8Array(bytes), width) : bytes;
  }
  const out = new Uint8Array(count * width);
  for (const { base, at, axes } of boxes) {
    const wide = axes.toSorted((a, b) => b.from - a.from);
    await gather(view, { base, at, axes: wide }, out);
  }
  return view.isBigEndian ? swapped(out, width) : out;
}

/** Axes of the view without those of size 1, neighbours joined where they continue each other. */
function mergedAxes({ shape, strides }: View): { size: number; stride: number }[] {
  const axes: { size: number; stride: number }[] = [];
  for (const [i, size] of shape.entries()) {
    const stride = strides[i] as number;
    if (size === 1) continue;
    const outer = axes.at(-1);
    if (outer && outer.stride === stride * size) Object.assign(outer, { size: outer.size * size, stride });
    else axes.push({ size, stride });
  }
  return axes;
}

/** Cuts a range of C order into grids: a part of an index, whole indices, a part again; and so on inside the parts. */
function cut(
  axes: readonly { size: number; stride: number }[],
  from: number,
  count: number,
  start: { base: number; at: number },
  into: Box[],
): void {
  const [axis, ...inner] = axes;
  if (!axis) {
    into.push({ ...start, axes: [] });
    return;
  }
  const block = inner.reduce((product, { size }) => product * size, 1);
  let index = Math.floor(from / block);
  let { at } = start;
  let rest = count;
  const baseOf = () => start.base + index * axis.stride;
  const skip = from - index * block;
  if (skip > 0 || rest < block) {
    const head = Math.min(rest, block - skip);
    cut(inner, skip, head, { base: baseOf(), at }, into);
    at += head;
    rest -= head;
    index++;
  }
  const whole = Math.floor(rest / block);
  if (whole > 0) {
    const grid: Axis[] = [{ size: whole, from: axis.stride, to: block }];
    let to = block;
    for (const { size, stride } of inner) {
      to /= size;
      grid.push({ size, from: stride, to });
    }
    into.push({ base: baseOf(), at, axes: grid.filter(({ size }) => size > 1) });
    at += whole * block;
    rest -= whole * block;
    index += whole;
  }
  if (rest > 0) cut(inner, 0, rest, { base: baseOf(), at }, into);
}

/** Whether the values lie side by side in both. */
const isRun = (axes: readonly Axis[]): boolean => axes.length === 0 || (axes.length === 1 && axes[0]?.from === 1);

/** Values between the first and the last, both included. */
const spanOf = (axes: readonly Axis[]): number => axes.reduce((span, { size, from }) => span + (size - 1) * from, 1);

/** Whether to read everything between the first value and the last. Axes from wide to narrow. */
function isDense(axes: readonly Axis[], width: number): boolean {
  let run = 1;
  let runs = 1;
  for (const { size, from } of axes.toReversed()) {
    if (from === 0) continue;
    if (from <= run && runs === 1) run += (size - 1) * from;
    else runs *= size;
  }
  if (runs === 1) return true;
  const span = spanOf(axes) * width;
  return span <= PIECE && span <= runs * (run * width + GAP);
}

/** Reads a box whose axes are sorted from wide to narrow, halving the widest until a piece is worth one read. */
async function gather(view: View, { base, at, axes }: Box, out: Uint8Array): Promise<void> {
  const [axis, ...inner] = axes;
  if (!axis || isDense(axes, view.width)) {
    const bytes = await view.storage.read(base * view.width, spanOf(axes) * view.width);
    scatter(bytes, out, view.width, { base: 0, at, axes });
    return;
  }
  const half = axis.size >> 1;
  for (const [begin, size] of [
    [0, half],
    [half, axis.size - half],
  ] as const) {
    const part = size > 1 ? [{ ...axis, size }, ...inner] : inner;
    await gather(view, { base: base + begin * axis.from, at: at + begin * axis.to, axes: part }, out);
  }
}

type Words = Uint8Array | Uint16Array | Uint32Array;

const WORDS: Record<number, (bytes: Uint8Array) => Words> = {
  1: (b) => b,
  2: (b) => new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2),
  4: (b) => new Uint32Array(b.buffer, b.byteOffset, b.byteLength / 4),
};

/** Runs shorter than this are copied value by value. */
const SHORT = 16;

function scatter(source: Uint8Array, target: Uint8Array, width: number, box: Box): void {
  // 8 bytes go as two words: floats would lose the bits of a NaN, and BigInts are slow.
  const words = width === 8 ? 2 : 1;
  const wordOf = WORDS[width / words] as (bytes: Uint8Array) => Words;
  const from = wordOf(source.byteOffset % 8 === 0 ? source : new Uint8Array(source));
  const to = wordOf(target);
  const axes = box.axes.map((axis) => ({ size: axis.size, from: axis.from * words, to: axis.to * words }));
  if (words > 1 || axes.length === 0) axes.push({ size: words, from: 1, to: 1 });
  const last = axes.length - 1;
  const copy = (depth: number, a: number, b: number): void => {
    const axis = axes[depth] as Axis;
    if (depth < last) {
      for (let i = 0; i < axis.size; i++) copy(depth + 1, a + i * axis.from, b + i * axis.to);
    } else if (axis.from === 1 && axis.to === 1 && axis.size >= SHORT) {
      to.set(from.subarray(a, a + axis.size), b);
    } else {
      for (let i = 0; i < axis.size; i++) to[b + i * axis.to] = from[a + i * axis.from] as number;
    }
  };
  copy(0, 0, box.at * words);
}

/** Reverses the bytes of every value, in place. */
function swapped(bytes: Uint8Array, width: number): Uint8Array {
  for (let at = 0; at < bytes.length; at += width) {
    for (let i = at, j = at + width - 1; i < j; i++, j--) {
      const byte = bytes[i] as number;
      bytes[i] = bytes[j] as number;
      bytes[j] = byte;
    }
  }
  return bytes;
}
