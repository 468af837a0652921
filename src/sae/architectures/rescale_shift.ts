/** Rescale & shift: stage two of a trained baseline, whose encoder becomes a gate; r_mag and b_mag alone learn, on reconstruction alone (paper 5.2). */
import wgsl from '../../../shaders/sae/architectures/rescale_shift.wgsl?raw';
import { type Architecture, PLAIN } from './types';

export const rescaleShift: Architecture = {
  id: 'rescale_shift',
  title: 'Rescale & shift',
  family: 'relu',
  line: 'A trained baseline whose activations are rescaled and shifted to undo their shrinkage; what fires stays as it was.',
  source: 'Rajamanoharan et al. 2024, arXiv 2404.16014, section 5.2',
  code: 7,
  saelens: 'gated',
  vectors: [
    { name: 'b_gate', start: 0, role: 'bias' },
    { name: 'r_mag', start: 0, role: 'log-gain' },
    { name: 'b_mag', start: 0, role: 'bias', gain: 'r_mag' },
  ],
  knob: {
    id: 'lambda',
    symbol: 'λ',
    power: 1,
    default: '0.05:0.4:4',
    few: '0.05, 0.12, 0.3',
    above: 0,
    max: 1e4,
    help: 'Weight of the L1 norm in the baseline that it starts from; the second stage has no sparsity term.',
  },
  options: [],
  startsFrom: {
    arch: 'baseline',
    // r_mag = 0 and b_mag = b_enc: the first step sees the baseline.
    vectors: ({ b_enc = new Float32Array() }) => ({ b_gate: b_enc, r_mag: new Float32Array(b_enc.length), b_mag: b_enc.slice() }),
  },
  traits: () => ({ ...PLAIN, decoder: 'free', fixed: ['W_enc', 'W_dec', 'b_dec', 'b_gate'] }),
  recipes: [['paper (Rajamanoharan et al. 2024), section 5.2', {}]],
  width: { default: '3x', equalCompute: 1.5 },
  look: { symbol: 'star', dash: 'dash' },
  wgsl,
  twin: {
    activate({ u }, [bGate = 0, rMag = 0, bMag = 0]) {
      return { f: u + bGate > 0 ? Math.max(0, Math.exp(rMag) * u + bMag) : 0, gate: 0, penalty: 0, extra: 0 };
    },
    touched: (u, [bGate = 0]) => u + bGate > 0,
    backward({ at: { u }, v: [, rMag = 0], act, we }) {
      const scale = Math.exp(rMag);
      const g = act.f > 0 ? 2 * we : 0;
      return { u: scale * g, second: 0, norm: 0, vectors: [0, g * scale * u, g] };
    },
  },
};
