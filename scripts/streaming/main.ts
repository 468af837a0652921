/**
 * Streaming of every format: memory of a training on gigabytes, or (--speed) how fast rows come. Prints tables in Markdown.
 *
 *   --only TEXT      formats whose name contains it         --folder DIR   where the files are written (a temporary folder)
 *   --gib N          logical size of each set, 4            --steps N      training steps: all rows once unless given
 *   --speed          speeds, at --mib N (512) a set, --turns N (7); with --page in Chromium, through the reader's worker
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { uploadBytes } from '../../src/data/pool/pool';
import { BLOCK_BYTES } from '../../src/data/rows/order';
import { READS_IN_FLIGHT } from '../../src/data/rows/stream';
import { WRITERS } from './formats';
import { type Trained, trainOn } from './memory';
import { denseRows, type Rows, rowBytes, sparseRows } from './rows';
import { bytesOnDisk } from './sparseFile';
import { timeFolder } from './speed';
import type { Turns } from './turns';

/** Wide rows and a small batch of them: most bytes for a software GPU's arithmetic. */
const D = 2048;
const BATCH = 4096;
/** Rows come in multiples of this, so that files and sequences are whole. */
const UNIT = 8 * 64;
const MIB = 2 ** 20;

const OPTIONS = {
  only: { type: 'string', default: '' },
  folder: { type: 'string', default: tmpdir() },
  gib: { type: 'string', default: '4' },
  steps: { type: 'string' },
  speed: { type: 'boolean', default: false },
  page: { type: 'boolean', default: false },
  mib: { type: 'string', default: '512' },
  turns: { type: 'string', default: '7' },
  child: { type: 'string' },
} as const;

type Settings = ReturnType<typeof read>;
const read = (args: string[]) => parseArgs({ args, options: OPTIONS, strict: true }).values;

export async function main(args: string[]): Promise<number> {
  const options = read(args);
  if (options.child !== undefined) {
    console.log(JSON.stringify(await trainOn(options.child, BATCH, Number(options.steps))));
    return 0;
  }
  // So that an interrupted run leaves no files behind.
  process.once('SIGINT', () => process.exit(130));
  if (chosen(options).length === 0) {
    console.error(`--only ${options.only}: there are ${Object.keys(WRITERS).join('; ')}.`);
    return 2;
  }
  console.log(`${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}; load ${loadavg()[0]?.toFixed(2)}\n`);
  return options.speed ? speeds(options) : memory(options);
}

const chosen = ({ only }: Settings): [string, (typeof WRITERS)[string]][] =>
  Object.entries(WRITERS).filter(([name]) => name.toLowerCase().includes(only.toLowerCase()));

/** Writes a set, works with it, and removes it whatever happens. */
async function withSet<T>(
  { folder }: Settings,
  write: (typeof WRITERS)[string],
  rows: Rows,
  work: (path: string) => Promise<T>,
): Promise<T> {
  const path = mkdtempSync(join(folder, 'lab-streaming-'));
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    await write(path, rows);
    return await work(path);
  } finally {
    process.off('exit', remove);
    remove();
  }
}

const filesIn = (folder: string): string[] =>
  (readdirSync(folder, { recursive: true }) as string[]).map((name) => join(folder, name)).filter((path) => statSync(path).isFile());

function sizes(folder: string): { logical: number; disk: number } {
  const files = filesIn(folder);
  return {
    logical: files.reduce((sum, path) => sum + statSync(path).size, 0),
    disk: files.reduce((sum, path) => sum + bytesOnDisk(path), 0),
  };
}

/** @throws Error before anything is written. */
function needSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < bytes)
    throw new Error(`${folder} has ${(bavail * bsize) / MIB} MiB left, ${bytes / MIB} are needed. Name another place: --folder DIR.`);
}

const mb = (bytes: number): string => (bytes / 1e6).toFixed(0);

async function memory(options: Settings): Promise<number> {
  const rows = Math.ceil((Number(options.gib) * 2 ** 30) / (2 * D) / UNIT) * UNIT;
  const steps = Number(options.steps ?? Math.floor((0.9 * rows) / BATCH));
  needSpace(options.folder, 2 ** 30);
  const blocks = 2 * (READS_IN_FLIGHT + 1) * BLOCK_BYTES;
  const uploads = uploadBytes(BATCH, D);
  console.log(`f16 rows of ${D}, ${rows} of them; batch ${BATCH}, ${steps} steps; sizes in MB of a million bytes`);
  console.log(
    `bound: blocks ${mb(blocks)} (those of an evaluation included), uploads under way ${mb(uploads)}, together ${mb(blocks + uploads)}\n`,
  );
  console.log(
    '| format | size | on disk | read | opening, s | training, s | before data | GPU buffers | of them pool | peak after a quarter | peak | beyond what was before data and GPU buffers |',
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|---|');
  let failures = 0;
  for (const [name, write] of chosen(options)) {
    const [t, { logical, disk }] = await withSet(
      options,
      write,
      sparseRows(rows, D, 'f16'),
      async (path): Promise<[Trained, ReturnType<typeof sizes>]> => [await inChild(path, steps), sizes(path)],
    );
    const cells = [
      mb(logical),
      mb(disk),
      mb(t.bytesRead),
      (t.openMs / 1000).toFixed(1),
      (t.trainMs / 1000).toFixed(0),
      ...[t.baseline, t.gpuBytes, t.poolBytes, t.peakQuarter, t.peak, t.peak - t.baseline - t.gpuBytes].map(mb),
    ];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
    if (t.state === 'done') continue;
    failures++;
    console.log(`${name}: ${t.state}`);
  }
  return failures > 0 ? 1 : 0;
}

/** @throws Error when the child fails; its words went to stderr. */
function inChild(folder: string, steps: number): Promise<Trained> {
  return new Promise((resolve, reject) => {
    const script = process.argv[1] as string;
    const child = spawn(process.execPath, [script, '--child', folder, '--steps', String(steps)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (piece: Buffer) => {
      out += piece;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(out.trim().split('\n').at(-1) as string) as Trained);
      else reject(new Error(`training on ${folder} ended with ${code}`));
    });
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

async function speeds(options: Settings): Promise<number> {
  const bytes = Number(options.mib) * MIB;
  needSpace(options.folder, 2 * bytes);
  const d = 768;
  const count = Number(options.turns);
  const page = options.page ? await (await import('./chromium')).openTimedPage() : undefined;
  const time = (path: string, rows: number): Promise<Turns> =>
    page ? page.time(filesIn(path), rows, count) : timeFolder(path, rows, count);
  const where = page ? "Chromium, through the reader's worker" : 'Node';
  console.log(`${where}: rows of ${d}, ${options.mib} MiB of each; blocks of 16 MiB in shuffled order; medians of ${count} turns\n`);
  console.log('| format | dtype | plain read, MiB/s | rows, MiB/s | ratio | ratios of the turns | load |');
  console.log('|---|---|---|---|---|---|---|');
  for (const [name, write] of chosen(options)) {
    for (const dtype of ['f16', 'f32'] as const) {
      const rows = Math.floor(bytes / rowBytes({ d, dtype }) / UNIT) * UNIT;
      const turns = await withSet(options, write, denseRows(rows, d, dtype), (path) => time(path, rows));
      const speed = (seconds: number[]) => turns.bytes / median(seconds) / MIB;
      const ratios = turns.plain.map((plain, i) => plain / (turns.stream[i] as number)).sort((a, b) => a - b);
      const [plain, stream] = [speed(turns.plain), speed(turns.stream)];
      const spread = `${ratios[0]?.toFixed(2)} to ${ratios.at(-1)?.toFixed(2)}`;
      const cells = [plain.toFixed(0), stream.toFixed(0), median(ratios).toFixed(2), spread, loadavg()[0]?.toFixed(1)];
      console.log(`| ${name} | ${dtype} | ${cells.join(' | ')} |`);
    }
  }
  await page?.close();
  return 0;
}
