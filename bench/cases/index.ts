/** The cases, by letter. */
import type { Case } from '../context';
import { architectureSteps } from './architectures';
import { disk } from './disk';
import { matmul } from './matmul';
import { overhead } from './overhead';
import { scaling } from './scaling';
import { step } from './step';
import { sweep } from './sweep';

export const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const;
export type Letter = (typeof LETTERS)[number];

export interface CaseInfo {
  letter: Letter;
  words: string;
  /** Measured against TF.js and jax-js, too. */
  withPeers: boolean;
  /** Of a quick run's time: seconds on two processor cores, roughly; beside the peers, and alone. */
  share: { compared: number; alone: number };
}

export const CASES: Record<Letter, CaseInfo & { run: Case }> = {
  a: {
    letter: 'a',
    words: 'Encoder product: GFLOP/s, and against TF.js and jax-js',
    withPeers: true,
    share: { compared: 9, alone: 3 },
    run: matmul,
  },
  b: { letter: 'b', words: 'Training step: sparse, dense, TF.js, jax-js', withPeers: true, share: { compared: 24, alone: 9 }, run: step },
  c: { letter: 'c', words: 'Step over its encoder product', withPeers: false, share: { compared: 5, alone: 5 }, run: overhead },
  d: { letter: 'd', words: '8 runs in a sweep against one after another', withPeers: false, share: { compared: 3, alone: 3 }, run: sweep },
  e: { letter: 'e', words: 'Cost against F, B and L0', withPeers: false, share: { compared: 5, alone: 5 }, run: scaling },
  f: { letter: 'f', words: 'Bytes from disk to rows trained', withPeers: false, share: { compared: 4, alone: 4 }, run: disk },
  g: {
    letter: 'g',
    words: 'Every architecture and option over the gated step; the field in one sweep',
    withPeers: false,
    share: { compared: 6, alone: 6 },
    run: architectureSteps,
  },
};
