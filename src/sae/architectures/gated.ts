/** Gated SAE: gate and magnitude share W_enc, an auxiliary loss trains the gate (paper eq. 5–8, tied weights of 3.2.1). */
import wgsl from '../../../shaders/sae/architectures/gated.wgsl?raw';
import type { Architecture } from './types';

export const gated: Architecture = {
  id: 'gated',
  title: 'Gated',
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
  hasAux: true,
  firesWhereTouched: false,
  decoder: 'unit',
  width: { default: '2x', equalCompute: 1 },
  look: { colour: { light: '#0072B2', dark: '#3b9cdc' }, symbol: 'circle', dash: 'solid' },
  wgsl,
  twin: {
    activate(u, [bGate = 0, rMag = 0, bMag = 0]) {
      const gate = Math.max(0, u + bGate);
      return { f: gate > 0 ? Math.max(0, Math.exp(rMag) * u + bMag) : 0, gate, penalty: gate };
    },
    touched: (u, [bGate = 0]) => u + bGate > 0,
    backward({ u, v: [, rMag = 0], f, we, wa, lambda }) {
      const scale = Math.exp(rMag);
      const gMag = f > 0 ? 2 * we : 0;
      const gGate = 2 * wa + lambda;
      return { u: gGate + scale * gMag, vectors: [gGate, gMag * scale * u, gMag] };
    },
  },
};
