/** The kernels of `shaders/sae` for a sweep, and what host and WGSL share beside buffers. */
import type { KernelSource } from '../gpu/kernel';
import { type MatmulVariant, matmulSource } from '../gpu/matmul';
import { type ShaderName, shaderFile, shaderText } from '../gpu/shaders';
import type { Structs } from '../gpu/shaderTypes';
import { constantIn, structIn } from '../gpu/struct';
import { dispatch, type PresentRun } from './architectures/dispatch';

export { MAX_RUNS } from './bounds';

const COMMON = shaderFile('sae/common');

/** One entry of the run table. */
export const RUN = structIn<Structs['Run']>(COMMON, 'Run');

/** Statistics a row, and the place of each. */
export const STATS = constantIn(COMMON, 'STATS');
export const STAT = {
  error: constantIn(COMMON, 'STAT_ERROR'),
  nested: constantIn(COMMON, 'STAT_NESTED'),
  extra: constantIn(COMMON, 'STAT_EXTRA'),
  aux: constantIn(COMMON, 'STAT_AUX'),
  penalty: constantIn(COMMON, 'STAT_PENALTY'),
  l0: constantIn(COMMON, 'STAT_L0'),
  hat: constantIn(COMMON, 'STAT_HAT'),
  cross: constantIn(COMMON, 'STAT_CROSS'),
};

/** Values of `run_state` a run, and the place of each. */
export const STATE = constantIn(COMMON, 'STATE');
export const STATE_AT = {
  coefficient: constantIn(COMMON, 'STATE_COEFFICIENT'),
  threshold: constantIn(COMMON, 'STATE_THRESHOLD'),
  dead: constantIn(COMMON, 'STATE_DEAD'),
  clip: constantIn(COMMON, 'STATE_CLIP'),
  norm: constantIn(COMMON, 'STATE_NORM'),
  aux: constantIn(COMMON, 'STATE_AUX'),
  lambda: constantIn(COMMON, 'STATE_LAMBDA'),
  kAux: constantIn(COMMON, 'STATE_K_AUX'),
  squares: constantIn(COMMON, 'STATE_SQUARES'),
};
/** Most steps over which an annealed coefficient is formed. */
export const MAX_QUEUE = constantIn(COMMON, 'QUEUE');

/** Words of `selection` a run. */
export const SELECTION = constantIn(shaderFile('sae/select/state'), 'SELECTION');

const flag = (name: string): number => constantIn(COMMON, name);
/** Bits of `Run.flags`. */
export const FLAG = {
  aux: flag('AUX'),
  auxTrained: flag('AUX_TRAINED'),
  auxError: flag('AUX_ERROR'),
  unit: flag('UNIT'),
  preBias: flag('PRE_BIAS'),
  norms: flag('NORMS'),
  fires: flag('FIRES'),
  fixedEnc: flag('FIXED_ENC'),
  fixedDec: flag('FIXED_DEC'),
  fixedBias: flag('FIXED_BIAS'),
  fixedVectors: [flag('FIXED_X'), flag('FIXED_Y'), flag('FIXED_Z')],
  selectsRow: flag('SELECTS_ROW'),
  selectsBatch: flag('SELECTS_BATCH'),
  evaluates: flag('EVALUATES'),
  anneals: flag('ANNEALS'),
};

/** Forms of a step in `active_set.form`. */
export const FORM = { sparse: constantIn(COMMON, 'SPARSE'), dense: constantIn(COMMON, 'DENSE') };

interface SourceOptions {
  /** Whose formulas go in; the lab's own two always do. */
  runs?: Iterable<PresentRun>;
  /** Values of its `override`s. */
  constants?: Record<string, number>;
  /** The matmul core of which it is the epilogue. */
  core?: MatmulVariant;
}

/** Text and tunables of a kernel. */
export function saeSource(kernel: ShaderName, { runs, constants = {}, core }: SourceOptions = {}): KernelSource {
  const name = kernel.replaceAll('/', '.');
  const code = shaderText(kernel, { architectures: dispatch(runs) });
  return core ? matmulSource(core, name, code, constants) : { name, code, constants };
}
