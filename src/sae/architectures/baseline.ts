/** Baseline SAE: one encoder with ReLU, L1 penalty (paper eq. 2–4). */
import wgsl from '../../../shaders/sae/architectures/baseline.wgsl?raw';
import type { Architecture } from './types';

export const baseline: Architecture = {
  id: 'baseline',
  title: 'Baseline',
  code: 0,
  saelens: 'standard',
  vectors: [{ name: 'b_enc', start: 0, role: 'bias' }],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 1,
    default: '0.05:0.4:4',
    few: '0.05, 0.12, 0.3',
    above: 0,
    max: 1e4,
    help: 'Weight of the L1 norm of the latents’ activations. Larger gives a smaller L0.',
  },
  options: [],
  hasAux: false,
  firesWhereTouched: true,
  decoder: 'unit',
  width: { default: '3x', equalCompute: 1.5 },
  look: { colour: { light: '#D55E00', dark: '#ee7a25' }, symbol: 'square', dash: 'dot' },
  wgsl,
  twin: {
    activate(u, [bEnc = 0]) {
      const f = Math.max(0, u + bEnc);
      return { f, gate: f, penalty: f };
    },
    touched: (u, [bEnc = 0]) => u + bEnc > 0,
    backward({ we, lambda }) {
      const g = 2 * we + lambda;
      return { u: g, vectors: [g] };
    },
  },
};
