/**
 * The embedded demo: which files it consists of, and a sweep sized for the device. On a GPU the sweep has the sizes of the
 * reference figures (public/demo/README.md), with each arm at the start found for it; on a software adapter a reduced one whose curve still moves
 * within seconds.
 */
import { BlobSource } from '../data/bytes/byteSource';
import type { ByteSource } from '../data/bytes/types';
import { type Architecture, architecture, REFERENCE, SUBJECT } from '../sae/architectures';
import { type ArmForm, countRuns, defaultConfig, type SweepConfig } from './settings';
import type { WorkspaceOptions } from './workspaceOptions';

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

/** What the claim is about: two arms, with what each word of theirs is. */
const arms = (texts: (arch: Architecture) => ArmForm['texts'] = () => ({})): ArmForm[] =>
  [SUBJECT, REFERENCE].map((arch) => ({ arch, texts: texts(architecture(arch)) }));

/** Sweep and sizes for the demo on activations of width d: the form's defaults, or on a software adapter what still moves there. */
export function demoPlan(d: number, isSoftware: boolean): DemoPlan {
  if (!isSoftware) {
    return {
      config: { ...defaultConfig(d, { arms: arms() }), holdout: REFERENCE_HOLDOUT },
      workspace: { evalTokens: 300 * 128, trainTokens: Number.POSITIVE_INFINITY },
    };
  }
  const width = 128;
  const config = {
    ...defaultConfig(d, { arms: arms((arch) => ({ width: String(width * arch.width.equalCompute), [arch.knob.id]: arch.knob.few })) }),
    steps: 600,
    batch: 64,
    lrWarmup: 10,
    lambdaWarmup: 30,
    holdout: 4 / 68, // 4 windows of 128 beside 64 for training
    evalEvery: 3,
  };
  return {
    config,
    workspace: { evalTokens: 512, trainTokens: 8192 },
    note: `Reduced for a software GPU: ${countRuns(config)} SAEs of width ${config.arms.map(({ widths }) => widths.join(', ')).join(' and ')}, batch 64, 8,192 training tokens, evaluation on 512 tokens. Figures are rough; a real GPU runs the full demo.`,
  };
}
