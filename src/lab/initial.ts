/** Weights that runs start from in place of random ones: which runs they fit. */
import { tensorOptions } from '../interop/saelensForm';
import { architecture } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import type { RunSpec } from './runSpecs';

type Fitted = Pick<RunSpec, 'arch' | 'width' | 'options' | 'from'>;

/** Why a run cannot start from these weights, words to follow what they were read from; undefined where it can. @param d width of the rows. */
export function misfit(init: SaeWeights, { arch, width, options, from }: Fitted, d: number): string | undefined {
  const { startsFrom, title } = architecture(arch);
  // A second stage may go on from its own weights too.
  const isFirst = startsFrom?.arch === init.arch && from === undefined;
  if ((init.arch !== arch && !isFirst) || init.dIn !== d || init.dSae !== width) {
    const wanted = startsFrom && from === undefined ? `; ${title} starts from a trained ${startsFrom.arch} SAE` : '';
    return `holds a ${init.arch} SAE with d_in ${init.dIn}, d_sae ${init.dSae}; the run is ${arch} with d_in ${d}, d_sae ${width}${wanted}.`;
  }
  // Options of training alone may differ: how a SAE was trained is no part of where another run starts.
  const [held, wanted] = [init.options, options].map((of) => tensorOptions(init.arch, of).join(' '));
  return isFirst || held === wanted
    ? undefined
    : `its options are ${held || 'the defaults'}; those of the run are ${wanted || 'the defaults'}.`;
}

/** @throws Error where a run without weights to start from cannot begin: a second stage that follows no other run. */
export function refuseWithout({ arch, from }: Fitted): void {
  const { startsFrom, title } = architecture(arch);
  if (startsFrom && from === undefined)
    throw new Error(`${title} starts from a trained ${startsFrom.arch} SAE, and no weights of one are given.`);
}
