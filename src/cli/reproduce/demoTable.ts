/**
 * The last table of public/demo/README.md: what a PyTorch reference found of the paper's ablations and of the successors at `blocks.0.hook_mlp_out` of the
 * demo model, F 256 for every kind, 1500 steps of 256, one seed. Gradient pursuit, its last rows, is not trained.
 */

/** A row of the table. */
export interface Row {
  /** As the table calls it. */
  name: string;
  /** As people type it, without width and knob. */
  arm: string;
  /** An arm that must be trained with it: the first stage. */
  after?: string;
  /** Value of the knob here. */
  knob: number;
  /** Where the table's differs: its penalty is divided by its constant, the lab's is not. */
  says?: string;
  l0: number;
  recovered: number;
  gamma: number;
  r2: number;
  /** Latents that fire on more than a tenth of the tokens. */
  over10: number;
}

const row = (
  name: string,
  arm: string,
  knob: number,
  [l0, recovered, gamma, r2, over10]: readonly [number, number, number, number, number],
  says?: string,
): Row => ({
  name,
  arm,
  knob,
  l0,
  recovered,
  gamma,
  r2,
  over10,
  ...(says !== undefined && { says }),
});

export const ROWS: readonly Row[] = [
  row('baseline, also 256 wide', 'baseline', 0.1, [31.4, 0.841, 0.887, 0.806, 220]),
  row('gated, L_aux not frozen', 'gated aux=unfrozen', 0.2, [16.4, 0.839, 1.006, 0.805, 29]),
  row('gated, no r_mag', 'gated r_mag=none', 0.2, [20.1, 0.867, 1.008, 0.82, 57]),
  row('gated, untied', 'gated encoders=untied', 0.2, [19.9, 0.865, 1.002, 0.817, 60]),
  row('gated, no L_aux', 'gated aux=none', 0.1, [0.7, -0.212, 0.961, 0.47, 0]),
  row(
    'gated, penalty weighted by decoder norms, both uses frozen',
    'gated decoder=free weighted=frozen',
    0.2,
    [20.1, 0.867, 1.004, 0.82, 54],
  ),
  row('the same, nothing frozen', 'gated aux=unfrozen decoder=free weighted=trained', 0.2, [16.2, 0.84, 1.006, 0.805, 26]),
  row('gated, penalty tanh(4a)/4', 'gated penalty=tanh', 0.05, [17.5, 0.852, 1.009, 0.809, 34], '0.2'),
  row('gated, penalty √(a + 1e-6)', 'gated penalty=sqrt', 0.02, [47.2, 0.95, 1.008, 0.891, 175]),
  row('gated, penalty 0.1·log(1 + a/0.1)', 'gated penalty=log', 0.02, [24.1, 0.886, 1.009, 0.835, 86], '0.2'),
  {
    ...row('baseline 0.1 + rescale & shift', 'rescale_shift', 0.1, [31.4, 0.895, 1.006, 0.845, 220]),
    after: 'baseline',
  },
  row('baseline, tanh(4a)/4', 'baseline penalty=tanh', 0.05, [10.5, 0.678, 0.926, 0.721, 7], '0.2'),
  row('baseline, √(a + 1e-6)', 'baseline penalty=sqrt', 0.05, [8.1, 0.65, 0.941, 0.705, 13]),
  row('baseline, p-annealed 1 → 0.2', 'baseline penalty=p', 0.1, [18.3, 0.816, 0.961, 0.782, 42]),
  row('TopK', 'topk', 10, [10, 0.85, 1.001, 0.797, 8]),
  row('TopK', 'topk', 40, [40, 0.95, 1.001, 0.887, 159]),
  row('BatchTopK (evaluated with its threshold)', 'batchtopk', 10, [10.1, 0.82, 1, 0.797, 12]),
  row('Matryoshka BatchTopK, prefixes F/8, F/4, F/2, F', 'matryoshka', 10, [10.1, 0.795, 1.022, 0.777, 28]),
  row('JumpReLU, λ·L0, θ from 0.01, window 0.05, trained directly', 'jumprelu', 0.004, [22.3, 0.887, 1, 0.833, 78]),
  row('the same with the quadratic frequency loss, ω₀ 0.1', 'jumprelu loss=frequency omega0=0.1', 0.001, [26.9, 0.905, 1.001, 0.849, 153]),
  row('the same, ω₀ 0.01', 'jumprelu loss=frequency omega0=0.01', 0.004, [4.9, 0.606, 0.998, 0.711, 0]),
];
