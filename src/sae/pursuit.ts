/**
 * Gradient pursuit over a dictionary (paper App. A, "inference-time optimisation"; Blumensath & Davies 2008): of each row at most k latents and their
 * weights, found on the decoder alone, whatever the encoder. Formulas: docs/maths.md; kernels: shaders/sae/pursuit.
 */
import { Arena, readBytes, readFloats, roundUp, write } from '../gpu/buffers';
import type { Gpu } from '../gpu/device';
import type { Kernel } from '../gpu/kernel';
import { type MatmulVariant, matmulGrid, matmulSource } from '../gpu/matmul';
import { Plan } from '../gpu/plan';
import { paramsOf, shaderText } from '../gpu/shaders';
import { constantIn } from '../gpu/struct';
import { chooseMatmul } from '../gpu/tuner';
import { cutRows, padRows } from './packing';

const ROUND = shaderText('sae/pursuit/round');

/** Most latents a row. */
export const MAX_PICKS = constantIn(ROUND, 'MOST');

export interface Dictionary {
  dIn: number;
  dSae: number;
  /** `[d_sae, d_in]`, rows of any length. */
  wDec: Float32Array;
  /** `[d_in]`; the same is taken off the rows. */
  bDec: Float32Array;
}

/** What was found of some rows. */
export interface Pursued {
  /** `[rows, k]`: the latent of each round; one may be chosen again. */
  picks: Int32Array;
  /** `[rows, d_sae]`, not negative. */
  codes: Float32Array;
  /** `[rows, d_in]`, b_dec included. */
  xHat: Float32Array;
}

export class GradientPursuit {
  private constructor(
    private readonly gpu: Gpu,
    private readonly arena: Arena,
    private readonly dictionary: Dictionary,
    private readonly variant: MatmulVariant,
    private readonly kernels: { scores: Kernel; round: Kernel },
    private readonly buffers: Record<'w_dec' | 'target_' | 'left' | 'scores' | 'picks' | 'support' | 'weights', GPUBuffer>,
    /** Rows that `run` takes at once, and its largest k. */
    readonly size: { rows: number; k: number },
  ) {}

  /** @throws Error when k is more than the latents or MAX_PICKS, or the GPU cannot hold the buffers. */
  static async create(gpu: Gpu, dictionary: Dictionary, size: { rows: number; k: number }): Promise<GradientPursuit> {
    const { dIn, dSae, wDec } = dictionary;
    const { rows, k } = size;
    const most = Math.min(MAX_PICKS, dSae);
    if (!(Number.isInteger(k) && k >= 1 && k <= most)) throw new Error(`k must be a whole number from 1 to ${most}, not ${k}`);
    const quads = Math.ceil(dIn / 4);
    const latents = roundUp(dSae, 4);
    const bytes = rows * latents * 4;
    if (bytes > gpu.limits.maxStorageBufferBindingSize)
      throw new Error(
        `${rows} rows against ${dSae} latents take ${bytes} bytes; this device binds at most ${gpu.limits.maxStorageBufferBindingSize}`,
      );
    const variant = await chooseMatmul(gpu, { rows, columns: latents, quads });
    const [scores, round] = await Promise.all([
      gpu.kernels.get(matmulSource(variant, 'sae.pursuit.scores', shaderText('sae/pursuit/scores'))),
      gpu.kernels.get({ name: 'sae.pursuit.round', code: ROUND, constants: {} }),
    ]);
    const arena = new Arena(gpu, 'gradient pursuit');
    const buffers = {
      w_dec: arena.storage('w_dec', latents * quads * 16),
      target_: arena.storage('target', rows * quads * 16),
      left: arena.storage('left', rows * quads * 16),
      scores: arena.storage('scores', bytes),
      picks: arena.storage('picks', rows * k * 4),
      support: arena.storage('support', rows * (k + 1) * 4),
      weights: arena.storage('weights', rows * k * 4),
    };
    await arena.ready();
    write(gpu, buffers.w_dec, 0, padRows(wDec, dIn));
    return new GradientPursuit(gpu, arena, dictionary, variant, { scores, round }, buffers, size);
  }

  destroy(): void {
    this.arena.destroy();
  }

  /** @param x `[rows, d_in]`, at most `size.rows` of them. @param k rounds: latents a row, at most. */
  async run(x: Float32Array, k: number): Promise<Pursued> {
    const { dIn, dSae, bDec } = this.dictionary;
    const rows = x.length / dIn;
    if (!(Number.isInteger(rows) && rows <= this.size.rows && k >= 1 && k <= this.size.k))
      throw new Error(`${rows} rows and k ${k}; made for ${this.size.rows} rows and k up to ${this.size.k}`);
    const { gpu, buffers, variant } = this;
    const quads = Math.ceil(dIn / 4);
    const latents = roundUp(dSae, 4);
    const centred = padRows(
      x.map((value, j) => value - (bDec[j % dIn] as number)),
      dIn,
    );
    write(gpu, buffers.target_, 0, centred);
    write(gpu, buffers.left, 0, centred);
    const arena = new Arena(gpu, 'gradient pursuit, rounds');
    try {
      const plan = new Plan(gpu, 'sae.pursuit');
      const scores = arena.uniform('scores', paramsOf('sae/pursuit/scores').pack({ rows, quads, latents }));
      const flops = 2 * rows * dIn * latents;
      for (let round = 0; round < k; round++) {
        const params = arena.uniform(
          `round${round}`,
          paramsOf('sae/pursuit/round').pack({ quads, latents, width: dSae, round, capacity: this.size.k }),
        );
        const of = <K extends keyof typeof buffers>(...names: K[]) => Object.fromEntries(names.map((name) => [name, buffers[name]]));
        plan.add(this.kernels.scores, { params: scores, ...of('left', 'w_dec', 'scores') }, matmulGrid(variant, rows, latents), flops);
        plan.add(
          this.kernels.round,
          { params, ...of('scores', 'w_dec', 'target_', 'left', 'picks', 'support', 'weights') },
          [rows],
          4 * rows * dIn * (round + 1),
        );
      }
      await arena.ready();
      plan.submit();
      return await this.read(x, rows, k);
    } finally {
      arena.destroy();
    }
  }

  private async read(x: Float32Array, rows: number, k: number): Promise<Pursued> {
    const { gpu, buffers, size } = this;
    const { dIn, dSae } = this.dictionary;
    const [left, weights, ...lists] = await Promise.all([
      readFloats(gpu, buffers.left, 0, rows * Math.ceil(dIn / 4) * 4),
      readFloats(gpu, buffers.weights, 0, rows * size.k),
      readBytes(gpu, buffers.picks, 0, rows * size.k * 4),
      readBytes(gpu, buffers.support, 0, rows * (size.k + 1) * 4),
    ]);
    const [picked, support] = lists.map((bytes) => new Uint32Array(bytes)) as [Uint32Array, Uint32Array];
    const codes = new Float32Array(rows * dSae);
    for (let row = 0; row < rows; row++) {
      const list = row * (size.k + 1);
      for (let j = 0; j < (support[list] as number); j++)
        codes[row * dSae + (support[list + 1 + j] as number)] = weights[row * size.k + j] as number;
    }
    const errors = cutRows(left, dIn);
    return {
      picks: Int32Array.from({ length: rows * k }, (_, i) => picked[Math.floor(i / k) * size.k + (i % k)] as number),
      codes,
      xHat: x.map((value, j) => value - (errors[j] as number)),
    };
  }
}
