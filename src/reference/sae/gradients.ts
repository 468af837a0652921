/** Gradients of the loss, by hand: docs/maths.md, checked against finite differences. */
import { architecture } from '../../sae/architectures';
import { forward, type TwinForward } from './forward';
import { frequencies, sparsity } from './loss';
import { kernelOptions, momentOf, type TwinGiven, type TwinGradients, type TwinParams, traitsOfTwin, vectorsOf, zeros } from './params';

/** The error that trains latent i: those nested reconstructions that hold it, by their weights. One row of it; of latent 0 what trains b_dec too. */
function errorOf({ errors, prefixes }: TwinForward, i: number, from: number, d: number): Float64Array {
  const out = new Float64Array(d);
  for (const [g, e] of errors.entries()) {
    const { end, weight } = prefixes[g] as { end: number; weight: number };
    for (let k = 0; k < d && i < end; k++) out[k] = (out[k] as number) + weight * (e[from + k] as number);
  }
  return out;
}

/** The stop-gradients of eq. 8 cover the decoder's use of W_dec and b_dec in the auxiliary term only; tensors that do not learn have gradients 0. */
export function gradients(p: TwinParams, x: Float64Array, given: TwinGiven, fw = forward(p, x, given)): TwinGradients {
  const { d, f } = p;
  const moment = momentOf(p, given);
  const { twin } = architecture(p.arch);
  const traits = traitsOfTwin(p);
  const options = kernelOptions(p);
  const step = { ...moment, lambda: moment.lambda * sparsity(p, fw).slope };
  const batch = x.length / d;
  const g = zeros(p);
  /** Of the vectors and what the architecture sums beside them for `settle`. */
  const sums = Array.from({ length: f }, () => [0, 0, 0]);
  const trainsDecoder = traits.aux === 'trained' || traits.aux === 'error';
  const add = (to: Float64Array, at: number, value: number) => {
    to[at] = (to[at] as number) + value / batch;
  };
  for (let b = 0; b < batch; b++) {
    const row = b * d;
    const ea = fw.auxError.subarray(row, row + d).map((value) => value * fw.auxWeight);
    const whole = errorOf(fw, 0, row, d);
    for (let k = 0; k < d; k++) {
      add(g.bDec, k, 2 * (whole[k] as number) + (traits.aux === 'trained' ? 2 * (ea[k] as number) : 0));
    }
    for (let i = 0; i < f; i++) {
      const at = b * f + i;
      const v = [...vectorsOf(p, i), ...(traits.auxK ? [fw.selection?.since[i] ?? 0] : [])];
      const point = { u: fw.u[at] as number, second: fw.second[at] as number, norm: fw.norms[i] as number };
      if (fw.kept[at] === 0 || !twin.touched(point.u, v, options, step)) continue;
      const e = fw.prefixes.length > 1 ? errorOf(fw, i, row, d) : whole;
      let [we, wa] = [0, 0];
      for (let k = 0; k < d; k++) {
        we += (p.wDec[i * d + k] as number) * (e[k] as number);
        wa += (p.wDec[i * d + k] as number) * (ea[k] as number);
      }
      const [acts, gate] = [fw.acts[at] as number, fw.gate[at] as number];
      const act = { f: acts, gate, penalty: fw.penalty[at] as number, extra: fw.extra[at] as number };
      const back = twin.backward({ at: point, v, o: options, act, we, wa, step });
      const own = sums[i] as number[];
      for (const [k, value] of back.vectors.entries()) own[k] = (own[k] as number) + value / batch;
      for (let k = 0; k < d; k++) {
        const seen = (x[row + k] as number) - (traits.preBias ? (p.bDec[k] as number) : 0);
        const [enc, dec] = [p.wEnc[i * d + k] as number, p.wDec[i * d + k] as number];
        add(g.wEnc, i * d + k, back.u * seen);
        if (p.wSecond && g.wSecond) add(g.wSecond, i * d + k, back.second * seen);
        add(g.wDec, i * d + k, 2 * (e[k] as number) * acts + (back.norm * dec) / point.norm);
        if (trainsDecoder) add(g.wDec, i * d + k, 2 * (ea[k] as number) * gate);
        if (traits.preBias) add(g.bDec, k, -back.u * enc - back.second * (p.wSecond?.[i * d + k] ?? 0));
      }
    }
  }
  const shares = frequencies(p, fw);
  for (const [i, own] of sums.entries()) {
    const settled = twin.settle?.(own, shares[i] as number, options, step) ?? own;
    for (const [k, values] of g.vectors.entries()) values[i] = settled[k] as number;
  }
  return g;
}
