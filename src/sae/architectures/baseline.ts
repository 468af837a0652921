/** Baseline SAE: one encoder with ReLU, L1 penalty (paper eq. 2–4). */
import wgsl from '../../../shaders/sae/architectures/baseline.wgsl?raw';
import { type Architecture, PLAIN } from './types';

export const baseline: Architecture = {
  id: 'baseline',
  title: 'Baseline',
  family: 'relu',
  line: 'One ReLU encoder with an L1 penalty: what a Gated SAE is compared with.',
  source: 'Bricken et al. 2023; Rajamanoharan et al. 2024, eq. 2–4',
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
  traits: () => ({ ...PLAIN, firesWhereTouched: true }),
  width: { default: '3x', equalCompute: 1.5 },
  look: { colour: { light: '#D55E00', dark: '#ee7a25' }, symbol: 'square', dash: 'dot' },
  wgsl,
  twin: {
    activate({ u }, [bEnc = 0]) {
      const f = Math.max(0, u + bEnc);
      return { f, gate: f, penalty: f, extra: 0 };
    },
    touched: (u, [bEnc = 0]) => u + bEnc > 0,
    backward({ we, step }) {
      const g = 2 * we + step.lambda;
      return { u: g, second: 0, norm: 0, vectors: [g] };
    },
  },
};
