/** Weights that runs start from in place of random ones: which runs they fit. */
import { tensorOptions } from '../interop/saelensForm';
import type { SaeWeights } from '../sae/weights';
import type { RunSpec } from './runSpecs';

/** Why a run cannot start from these weights, words to follow what they were read from; undefined where it can. @param d width of the rows. */
export function misfit(
  init: SaeWeights,
  { arch, width, options }: Pick<RunSpec, 'arch' | 'width' | 'options'>,
  d: number,
): string | undefined {
  if (init.arch !== arch || init.dIn !== d || init.dSae !== width)
    return `holds a ${init.arch} SAE with d_in ${init.dIn}, d_sae ${init.dSae}; the run is ${arch} with d_in ${d}, d_sae ${width}.`;
  // Options of training alone may differ: how a SAE was trained is no part of where another run starts.
  const [held, wanted] = [init.options, options].map((of) => tensorOptions(arch, of).join(' '));
  return held === wanted ? undefined : `its options are ${held || 'the defaults'}; those of the run are ${wanted || 'the defaults'}.`;
}
