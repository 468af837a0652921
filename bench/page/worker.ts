/** The benchmark in the page: a worker of its own with a GPU device of its own, so that neither the page nor the lab is part of what is timed. */

import { openGpu } from '../../src/gpu/device';
import { calibrate } from '../../src/sae/calibrate';
import { answer, type Numbered } from '../../src/util/calls';
import { CASES, LETTERS } from '../cases';
import { adapterText, figureInfos, fullJson, markdown, type Report, settingText } from '../report';
import { type Bench, type PeerCache, runSuite } from '../suite';
import { pagePlatform } from './platform';
import type { BenchEvent, RunCommand } from './protocol';

/** The part of DedicatedWorkerGlobalScope used here; the project's types are the page's. */
interface WorkerScope {
  navigator: Navigator;
  onmessage: ((event: MessageEvent<Numbered<RunCommand>>) => void) | null;
  postMessage(message: BenchEvent): void;
}

const scope = self as unknown as WorkerScope;
const emit = (event: BenchEvent) => scope.postMessage(event);

/** Opened with the first run: until then the view costs no GPU memory. */
let bench: Promise<Bench> | undefined;
const peers: PeerCache = {};

async function openBench(): Promise<Bench> {
  const gpu = await openGpu(scope.navigator.gpu, 'largest');
  return { gpu, flopsPerMs: await calibrate(gpu), platform: pagePlatform };
}

const show = (report: Report): void =>
  emit({
    type: 'results',
    report,
    title: `${adapterText(report.setting)}; ${settingText(report.setting)}`,
    json: fullJson(report),
    markdown: markdown(report),
  });

async function run({ letters, quick, compare }: RunCommand): Promise<undefined> {
  const began = performance.now();
  emit({ type: 'progress', done: 0, of: letters.length, note: 'opening the GPU' });
  bench ??= openBench();
  const report = await runSuite(
    await bench,
    // A software GPU in a browser may be ten times slower than the one that Node finds.
    { letters, quick, compare, small: 'slow', began },
    { onProgress: (progress) => emit({ type: 'progress', ...progress }), onReport: show },
    peers,
  );
  show(report);
}

scope.onmessage = async ({ data: { id, ...command } }) => {
  const { reply } = await answer(id, () => run(command));
  if (!reply.ok) bench = undefined;
  emit({ type: 'reply', ...reply });
};

const cases = LETTERS.map((letter) => ({ letter, words: CASES[letter].words, withPeers: CASES[letter].withPeers }));
emit({ type: 'cases', cases, figures: figureInfos() });
