/** The kernels of `shaders/sae` for a sweep, and what host and WGSL share beside buffers. */
import type { KernelSource } from '../gpu/kernel';
import { type MatmulVariant, matmulSource } from '../gpu/matmul';
import { type ShaderName, shaderFile, shaderText } from '../gpu/shaders';
import type { Structs } from '../gpu/shaderTypes';
import { constantIn, structIn } from '../gpu/struct';
import type { ArchitectureId } from './architectures';
import { dispatch } from './architectures/dispatch';

export { MAX_RUNS } from './bounds';

const COMMON = shaderFile('sae/common');

/** One entry of the run table. */
export const RUN = structIn<Structs['Run']>(COMMON, 'Run');

/** Statistics a row, and the place of each. */
export const STATS = constantIn(COMMON, 'STATS');
export const STAT = {
  error: constantIn(COMMON, 'STAT_ERROR'),
  aux: constantIn(COMMON, 'STAT_AUX'),
  penalty: constantIn(COMMON, 'STAT_PENALTY'),
  l0: constantIn(COMMON, 'STAT_L0'),
  hat: constantIn(COMMON, 'STAT_HAT'),
  cross: constantIn(COMMON, 'STAT_CROSS'),
};

/** Forms of a step in `active_set.form`. */
export const FORM = { sparse: constantIn(COMMON, 'SPARSE'), dense: constantIn(COMMON, 'DENSE') };

interface SourceOptions {
  /** Whose formulas go in; the lab's own two always do. */
  architectures?: Iterable<ArchitectureId>;
  /** Values of its `override`s. */
  constants?: Record<string, number>;
  /** The matmul core of which it is the epilogue. */
  core?: MatmulVariant;
}

/** Text and tunables of a kernel. */
export function saeSource(kernel: ShaderName, { architectures, constants = {}, core }: SourceOptions = {}): KernelSource {
  const name = kernel.replaceAll('/', '.');
  const code = shaderText(kernel, { architectures: dispatch(architectures) });
  return core ? matmulSource(core, name, code, constants) : { name, code, constants };
}
