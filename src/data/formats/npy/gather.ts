/** Reading values that lie apart: neighbouring runs are fetched in one read, a few reads at a time, in bounded memory. */
import type { Bytes } from './bytes';

/** `count` consecutive stored values from value `at`, that belong at `to`, `to + step`, … of the result. */
export interface Run {
  at: number;
  count: number;
  to: number;
  step: number;
}

/** Bytes of one read; up to PARALLEL of them are held. */
const MAX_SPAN = 2 ** 20;
/** Bytes between two runs that are read along and dropped: about what another read would cost. */
const MAX_GAP = 2 ** 16;
const MAX_RUNS = 2 ** 14;
const PARALLEL = 8;

interface Span {
  begin: number;
  end: number;
  runs: Run[];
}

/**
 * @param base byte offset of value 0
 * @param width bytes of a value: 1, 2, 4 or 8
 * @param runs in ascending order of `at`
 */
export async function gather(bytes: Bytes, base: number, width: number, total: number, runs: Iterable<Run>): Promise<Uint8Array> {
  const out = new Uint8Array(total * width);
  const fetchSpan = async (span: Span): Promise<void> => {
    const stored = await bytes.read(base + span.begin * width, (span.end - span.begin) * width);
    scatter(stored, span, out, width);
  };
  let batch: Span[] = [];
  for (const span of spans(runs, width)) {
    batch.push(span);
    if (batch.length < PARALLEL) continue;
    await Promise.all(batch.map(fetchSpan));
    batch = [];
  }
  await Promise.all(batch.map(fetchSpan));
  return out;
}

function* spans(runs: Iterable<Run>, width: number): Generator<Span> {
  const most = MAX_SPAN / width;
  let span: Span | undefined;
  for (const run of runs) {
    for (let done = 0; done < run.count; ) {
      const count = Math.min(run.count - done, most);
      const part = { at: run.at + done, count, to: run.to + done * run.step, step: run.step };
      const end = part.at + count;
      const fits = span && end - span.begin <= most && (part.at - span.end) * width <= MAX_GAP && span.runs.length < MAX_RUNS;
      if (span && fits) {
        span.runs.push(part);
        span.end = end;
      } else {
        if (span) yield span;
        span = { begin: part.at, end, runs: [part] };
      }
      done += count;
    }
  }
  if (span) yield span;
}

function scatter(stored: Uint8Array, { begin, runs }: Span, out: Uint8Array, width: number): void {
  // Copied in units of a power of two up to 4 bytes: as integers, because floats may change a NaN's bits.
  const unit = Math.min(width, 4);
  const units = width / unit;
  const from = unitView(stored.byteOffset % unit === 0 ? stored : new Uint8Array(stored), unit);
  const to = unitView(out, unit);
  for (const run of runs) {
    const first = (run.at - begin) * units;
    if (run.step === 1) to.set(from.subarray(first, first + run.count * units), run.to * units);
    else if (units === 1) for (let i = 0, t = run.to; i < run.count; i++, t += run.step) to[t] = from[first + i] as number;
    else
      for (let i = 0; i < run.count * units; i++) {
        to[(run.to + Math.floor(i / units) * run.step) * units + (i % units)] = from[first + i] as number;
      }
  }
}

function unitView({ buffer, byteOffset, byteLength }: Uint8Array, unit: number): Uint8Array | Uint16Array | Uint32Array {
  if (unit === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  return unit === 2 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : new Uint32Array(buffer, byteOffset, byteLength / 4);
}
