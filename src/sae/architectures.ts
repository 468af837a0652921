/**
 * The architecture table. One row says everything the trainer, the files and the page need to know of an architecture;
 * its formulas stand beside it in `shaders/sae/architectures.wgsl` (kernel) and `src/reference/sae.ts` (float64 twin).
 */

export type ArchitectureId = 'baseline' | 'gated';

export interface Architecture {
  id: ArchitectureId;
  /** For people. */
  title: string;
  /** Number by which the WGSL dispatches; never reused. */
  code: number;
  /** SAELens' name in cfg.json. */
  saelens: 'standard' | 'gated';
  /** Per-latent vectors in SAELens' names, in the order of the components of the packed vec4. All start at zero. */
  vectors: readonly string[];
  /** True when a second decode (the auxiliary loss) exists. */
  hasAux: boolean;
}

export const ARCHITECTURES: Record<ArchitectureId, Architecture> = {
  baseline: { id: 'baseline', title: 'Baseline', code: 0, saelens: 'standard', vectors: ['b_enc'], hasAux: false },
  gated: { id: 'gated', title: 'Gated', code: 1, saelens: 'gated', vectors: ['b_gate', 'r_mag', 'b_mag'], hasAux: true },
};

export const ARCHITECTURE_IDS = Object.keys(ARCHITECTURES) as ArchitectureId[];
