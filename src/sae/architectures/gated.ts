/** Gated SAE: gate and magnitude share W_enc, an auxiliary loss trains the gate (paper eq. 5–8, tied weights of 3.2.1). */
import wgsl from '../../../shaders/sae/architectures/gated.wgsl?raw';
import { type Architecture, PLAIN } from './types';

export const gated: Architecture = {
  id: 'gated',
  title: 'Gated',
  family: 'gated',
  line: 'A gate decides what fires, a magnitude how much; an auxiliary loss trains the gate, so activations do not shrink.',
  source: 'Rajamanoharan et al. 2024, arXiv 2404.16014',
  code: 1,
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
    default: '0.1:0.8:4',
    few: '0.1, 0.25, 0.6',
    above: 0,
    max: 1e4,
    help: 'Weight of the L1 norm of the gates. Larger gives a smaller L0.',
  },
  options: [],
  traits: () => ({ ...PLAIN, aux: 'frozen' }),
  width: { default: '2x', equalCompute: 1 },
  look: { colour: { light: '#0072B2', dark: '#3b9cdc' }, symbol: 'circle', dash: 'solid' },
  wgsl,
  twin: {
    activate({ u }, [bGate = 0, rMag = 0, bMag = 0]) {
      const gate = Math.max(0, u + bGate);
      return { f: gate > 0 ? Math.max(0, Math.exp(rMag) * u + bMag) : 0, gate, penalty: gate, extra: 0 };
    },
    touched: (u, [bGate = 0]) => u + bGate > 0,
    backward({ at: { u }, v: [, rMag = 0], act, we, wa, step }) {
      const scale = Math.exp(rMag);
      const gMag = act.f > 0 ? 2 * we : 0;
      const gGate = 2 * wa + step.lambda;
      return { u: gGate + scale * gMag, second: 0, norm: 0, vectors: [gGate, gMag * scale * u, gMag] };
    },
  },
};
