/** jax-js on its WebGPU backend: the textbook step, dense, with grad and jit. Arrays are counted: `.ref` keeps one for a further use. */
import type * as Jaxjs from '@jax-js/jax';
import type { ArchitectureId } from '../../src/sae/architectures';
import { BETA2, EPS, LAMBDA, type Problem, transpose } from '../problem';
import { checkDevice, lastDevice } from './devices';
import { checkPeer, type Peer, type PeerProduct, type PeerStep, type ProductInputs, type ProductLayout } from './peer';

type Jax = typeof Jaxjs;
type Arr = Jaxjs.Array;
const VERSION = '0.1.25';

export async function openJaxjs(): Promise<Peer> {
  const jax: Jax = await import('@jax-js/jax');
  const devices = await jax.init('webgpu');
  if (!devices.includes('webgpu')) throw new Error('jax-js did not start its WebGPU backend');
  jax.defaultDevice('webgpu');
  const device = lastDevice();
  return {
    id: 'jaxjs',
    name: `jax-js ${VERSION}`,
    step: (arch, problem) => step(jax, arch, problem, device),
    product: (inputs, layout) => product(jax, inputs, layout, device),
  };
}

async function product(jax: Jax, { rows, d, f, x, w }: ProductInputs, layout: ProductLayout, device: GPUDevice): Promise<PeerProduct> {
  const { numpy: np } = jax;
  const array = (values: Float32Array, shape: number[]) => np.array(values as Float32Array<ArrayBuffer>).reshape(shape);
  const left = array(x, [rows, d]);
  const right = layout === 'plain' ? array(transpose(w, f, d), [d, f]) : array(w, [f, d]);
  await jax.blockUntilReady([left, right]);
  const matmul = jax.jit((l: Arr, r: Arr) => np.matmul(l, layout === 'transposed' ? r.transpose() : r));
  let out: Arr | undefined;
  // jax-js never sends a product whose result is disposed of before it is waited for, so all of a sample are kept.
  const earlier: Arr[] = [];
  return {
    run() {
      if (out) earlier.push(out);
      out = matmul(left.ref, right.ref);
    },
    async done() {
      await jax.blockUntilReady([...earlier, out as Arr]);
      await device.queue.onSubmittedWorkDone();
      for (const array of earlier.splice(0)) array.dispose();
      checkDevice(device);
    },
    result: async () => (await (out as Arr).ref.data()) as Float32Array,
    dispose() {
      for (const array of [left, right, out, ...earlier]) array?.dispose();
      matmul.dispose();
    },
  };
}

/** A tree for jax-js, hence a type and not an interface. `vectors`: b_enc, or b_gate, r_mag, b_mag. */
type Parameters = { wEnc: Arr; wDec: Arr; bDec: Arr; vectors: Arr[] };

function lossOf(jax: Jax, arch: ArchitectureId, batch: number) {
  const { numpy: np, nn, lax } = jax;
  const squares = (e: Arr) =>
    np
      .square(e)
      .sum()
      .mul(1 / batch);
  return ({ wEnc, wDec, bDec, vectors: [gateBias, rMag, bMag] }: Parameters, x: Arr): Arr => {
    // x·W - b_dec·W rather than (x - b_dec)·W: autograd then needs no product of the batch's size for b_dec.
    const u = np.matmul(x.ref, wEnc.ref).sub(np.matmul(bDec.ref.reshape([1, -1]), wEnc));
    if (arch !== 'gated') {
      const f = nn.relu(u.add(gateBias as Arr));
      const penalty = f.ref.sum().mul(LAMBDA / batch);
      return squares(x.sub(np.matmul(f, wDec).add(bDec))).add(penalty);
    }
    const pi = u.ref.add(gateBias as Arr);
    const gate = nn.relu(pi.ref);
    const magnitude = nn.relu(
      np
        .exp(rMag as Arr)
        .mul(u)
        .add(bMag as Arr),
    );
    const f = np.where(pi.greater(0), magnitude, 0);
    const penalty = gate.ref.sum().mul(LAMBDA / batch);
    const frozen = lax.stopGradient(wDec.ref);
    const frozenBias = lax.stopGradient(bDec.ref);
    const main = squares(x.ref.sub(np.matmul(f, wDec).add(bDec)));
    const aux = squares(x.sub(np.matmul(gate, frozen).add(frozenBias)));
    return main.add(penalty).add(aux);
  };
}

async function step(jax: Jax, arch: ArchitectureId, problem: Problem, device: GPUDevice): Promise<PeerStep> {
  checkPeer('jax-js', arch);
  const { numpy: np } = jax;
  const { d, f, batch, weights } = problem;
  const array = (values: Float32Array, shape: number[]) => np.array(values as Float32Array<ArrayBuffer>).reshape(shape);
  const x = array(problem.x, [batch, d]);
  let values: Parameters = {
    wEnc: array(transpose(weights.wEnc, f, d), [d, f]),
    wDec: array(weights.wDec, [f, d]),
    bDec: array(weights.bDec, [d]),
    vectors: Object.values(weights.vectors).map((vector) => array(vector, [f])),
  };
  let seconds: Parameters = {
    wEnc: np.zeros([d, f]),
    wDec: np.zeros([f, d]),
    bDec: np.zeros([d]),
    vectors: values.vectors.map(() => np.zeros([f])),
  };
  let last: Arr | undefined;

  const rowSum = (values: Arr) => values.sum(1).reshape([-1, 1]);
  const differentiate = jax.valueAndGrad(lossOf(jax, arch, batch));
  /** One parameter: its new value and second moment. */
  const adam = (w: Arr, g: Arr, v: Arr, lr: Arr, correction: Arr): [Arr, Arr] => {
    const second = v.mul(BETA2).add(np.square(g.ref).mul(1 - BETA2));
    const root = np.sqrt(second.ref.mul(correction)).add(EPS);
    return [w.sub(g.mul(lr).div(root)), second];
  };
  const update = jax.jit((p: Parameters, v: Parameters, batchRows: Arr, lr: Arr, correction: Arr) => {
    const [loss, g] = differentiate(
      { ...p, wEnc: p.wEnc.ref, wDec: p.wDec.ref, bDec: p.bDec.ref, vectors: p.vectors.map((a) => a.ref) },
      batchRows,
    );
    const along = rowSum(p.wDec.ref.mul(g.wDec.ref)).div(rowSum(np.square(p.wDec.ref)));
    const projected = g.wDec.sub(along.mul(p.wDec.ref));
    const [wEnc, vEnc] = adam(p.wEnc, g.wEnc, v.wEnc, lr.ref, correction.ref);
    const [moved, vDec] = adam(p.wDec, projected, v.wDec, lr.ref, correction.ref);
    const wDec = moved.ref.div(np.sqrt(rowSum(np.square(moved))));
    const vectors = p.vectors.map((w, i) => adam(w, g.vectors[i] as Arr, v.vectors[i] as Arr, lr.ref, correction.ref));
    const [bDec, vBias] = adam(p.bDec, g.bDec, v.bDec, lr, correction);
    return {
      loss,
      values: { wEnc, wDec, bDec, vectors: vectors.map(([w]) => w) },
      seconds: { wEnc: vEnc, wDec: vDec, bDec: vBias, vectors: vectors.map(([, second]) => second) },
    };
  });

  return {
    step({ lr, t }) {
      last?.dispose();
      // The call takes the old values: they are freed when their last use is done.
      const next = update(values, seconds, x.ref, np.array(lr), np.array(1 / (1 - BETA2 ** t)));
      values = next.values;
      seconds = next.seconds;
      last = next.loss;
    },
    async loss() {
      const [value] = await (last as Arr).ref.data();
      return value as number;
    },
    async done() {
      await jax.blockUntilReady([values, seconds, last as Arr]);
      await device.queue.onSubmittedWorkDone();
      checkDevice(device);
    },
    dispose() {
      jax.tree.dispose([values, seconds, x, ...(last ? [last] : [])]);
      update.dispose();
    },
  };
}
