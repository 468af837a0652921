/** A library that the benchmark compares with: what it must be able to do. */
import type { ArchitectureId } from '../../src/sae/architectures';
import type { Problem } from '../problem';

/** The architectures whose loss the libraries' files spell out. */
export const PEER_ARCHITECTURES: readonly ArchitectureId[] = ['gated', 'baseline'];

/** @throws Error when a library has no loss for it. */
export function checkPeer(name: string, arch: ArchitectureId): void {
  if (!PEER_ARCHITECTURES.includes(arch))
    throw new Error(`${name}'s step is written for ${PEER_ARCHITECTURES.join(' and ')}, not for ${arch}`);
}

/** Adam's numbers for one step; `t` counts from 1. */
export interface StepNumbers {
  lr: number;
  t: number;
}

/** The dense training step of one SAE, in the library's own words. */
export interface PeerStep {
  /** Queues one step. */
  step(numbers: StepNumbers): void;
  /** Loss of the last step's batch, before its update. */
  loss(): Promise<number>;
  /** Resolves when all that was queued is done. @throws Error when the library's device reported an error. */
  done(): Promise<void>;
  dispose(): void;
}

/** x·wᵀ with x `[rows, d]` and w `[f, d]`, as an encoder has it. */
export interface ProductInputs {
  rows: number;
  d: number;
  f: number;
  x: Float32Array;
  w: Float32Array;
}

/** How the library is handed w: as `[d, f]` ('plain'), or as `[f, d]` to be multiplied transposed. */
export type ProductLayout = 'plain' | 'transposed';

export interface PeerProduct {
  run(): void;
  done(): Promise<void>;
  /** The last product, `[rows, f]`. */
  result(): Promise<Float32Array>;
  dispose(): void;
}

export interface Peer {
  id: 'tfjs' | 'jaxjs';
  name: string;
  step(arch: ArchitectureId, problem: Problem): Promise<PeerStep>;
  product(inputs: ProductInputs, layout: ProductLayout): Promise<PeerProduct>;
}
