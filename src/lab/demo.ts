/**
 * The embedded demo: which files it consists of, and a sweep sized for the device. On a GPU the sweep is that of the reference
 * figures (public/demo/README.md); on a software adapter a reduced one whose curve still moves within seconds.
 */
import { BlobSource } from '../data/bytes/byteSource';
import type { ByteSource } from '../data/bytes/types';
import type { SweepConfig } from './protocol';
import type { WorkspaceOptions } from './workspace';

const FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json', 'stories.txt'];
export const DEMO_MODEL = 'gelu-1l-tiny';

/** Fetches the demo's files. @throws Error naming the file that could not be had. */
export async function demoFiles(base: string): Promise<ByteSource[]> {
  return Promise.all(
    FILES.map(async (name) => {
      const response = await fetch(new URL(name, base));
      if (!response.ok) throw new Error(`the demo file ${name} could not be loaded (${response.status} ${response.statusText})`);
      return new BlobSource(`${DEMO_MODEL}/${name}`, await response.blob());
    }),
  );
}

export interface DemoPlan {
  config: SweepConfig;
  workspace: Pick<WorkspaceOptions, 'evalTokens' | 'trainTokens'>;
  note?: string;
}

/** 300 of the text's 3492 windows, as in the reference figures. */
export const REFERENCE_HOLDOUT = 300 / 3492;

/** Sweep and sizes for the demo on activations of width d. */
export function demoPlan(d: number, isSoftware: boolean): DemoPlan {
  const shared = {
    architectures: ['gated', 'baseline'],
    seeds: [1],
    lr: 1e-3,
    beta1: 0,
    normalize: 'mean-square',
    xDtype: 'f32',
    bDecInit: 'mean',
  } as const;
  if (isSoftware) {
    const width = 128;
    return {
      config: {
        ...shared,
        architectures: [...shared.architectures],
        seeds: [...shared.seeds],
        widths: { gated: [width], baseline: [1.5 * width] },
        lambdas: { gated: [0.1, 0.25, 0.6], baseline: [0.05, 0.12, 0.3] },
        steps: 600,
        batch: 64,
        lr: 2e-3,
        lrWarmup: 10,
        lrDecay: 0.2,
        lambdaWarmup: 30,
        holdout: 4 / 68, // 4 windows of 128 beside 64 for training
        evalEvery: 3,
      },
      workspace: { evalTokens: 512, trainTokens: 8192 },
      note: `Reduced for a software GPU: 6 SAEs of width ${width} and ${1.5 * width}, batch 64, 8,192 training tokens, evaluation on 512 tokens. Figures are rough; a real GPU runs the full demo.`,
    };
  }
  return {
    config: {
      ...shared,
      architectures: [...shared.architectures],
      seeds: [...shared.seeds],
      widths: { gated: [2 * d], baseline: [3 * d] },
      lambdas: { gated: [0.1, 0.2, 0.4, 0.8], baseline: [0.05, 0.1, 0.2, 0.4] },
      steps: 2500,
      batch: 1024,
      lrWarmup: 100,
      lrDecay: 0.2,
      lambdaWarmup: 250,
      holdout: REFERENCE_HOLDOUT,
      evalEvery: 2,
    },
    workspace: { evalTokens: 300 * 128, trainTokens: Number.POSITIVE_INFINITY },
  };
}
