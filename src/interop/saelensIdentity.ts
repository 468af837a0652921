/** Which of the lab's architectures a cfg.json is, with which options, and what of it measuring needs. */
import { DataError } from '../data/bytes/types';
import {
  type Architecture,
  type ArchitectureId,
  allOptions,
  architecture,
  architectureIds,
  architectures,
  isArchitecture,
  type OptionValues,
  traitsOf,
} from '../sae/architectures';
import { messageOf } from '../util/errors';
import { type Fields, isFields } from '../util/json';
import type { Keys } from './cfgKeys';
import { byName, readNames, savedAs } from './saelensForm';

export interface Identity {
  arch: ArchitectureId;
  /** Its name there. */
  name: string;
  options?: OptionValues;
  k?: number;
  threshold?: number;
  rescalesByDecoderNorm: boolean;
  applyBDecToInput: boolean;
  /** The lab wrote it. */
  isOwn: boolean;
  /** What was assumed, for people. */
  notes: string[];
}

/** The architecture that training calls so. */
const trainedAs = (name: unknown): Architecture | undefined => architectures().find(({ saelens }) => saelens === name);

/** SAELens' name of the one that keeps the k largest of a row, which up to version 5 was the name of an activation function. */
const byK = (): string | undefined => architectures().find((entry) => traitsOf(entry).inference?.by === 'k')?.saelens;

/**
 * @param size d_in and d_sae as cfg.json says them.
 * @returns also whether an architecture is named at all.
 * @throws DataError for architectures and activation functions that are not read, and for what contradicts itself.
 */
export function identified(
  path: string,
  of: Keys,
  { dIn, dSae }: { dIn: number | undefined; dSae: number | undefined },
): Identity & { named: boolean } {
  const [said, activation] = [of.any('architecture'), of.any('activation_fn', 'activation_fn_str') ?? 'relu'];
  // SAELens up to 5 writes a TopK SAE as a standard one with another activation function.
  const topK = byK();
  const isTopK = activation === topK;
  const isOldTopK = isTopK && (said ?? 'standard') === 'standard';
  const name = isOldTopK ? topK : (said ?? 'standard');
  const known = byName(name);
  if (activation !== 'relu' && !(isTopK && name === topK))
    throw new DataError(
      path,
      `activation function ${JSON.stringify(activation)} is not read${known ? ` with architecture ${JSON.stringify(name)}` : ''}; the lab reads SAEs with relu, and topk.`,
    );
  const lab = labFields(of);
  const base = baseOf(path, name, known, lab);
  const entry = architecture(base.arch);
  const applyBDecToInput = of.any('apply_b_dec_to_input') !== false;
  const options = withPreBias(path, entry, base.options, applyBDecToInput);
  if (savedAs(base.arch, options) !== name && !isTrainingSave(entry, name))
    throw new DataError(
      path,
      `architecture is ${JSON.stringify(name)}, and gated_sae_lab describes a SAE that is saved as ${JSON.stringify(savedAs(base.arch, options))}. The two do not belong together.`,
    );
  const training = trainedAs(name);
  const selects = training !== undefined && traitsOf(training).selects !== 'none';
  const k = selects ? (of.any('k') ?? (isTopK ? of.inside('activation_fn_kwargs').any('k') : undefined)) : lab.k;
  checkK(path, k, { name: String(name), dSae, isNeeded: traitsOf(entry, options).inference?.by === 'k' });
  const threshold = number(path, 'gated_sae_lab.threshold', lab.threshold);
  if (training && traitsOf(training).prefixes) checkWidths(path, of, dSae);
  checkOptions(path, entry, options, { d: dIn, width: dSae, knob: k ?? lab[entry.knob.id] });
  const trained = of.any('training_architecture');
  return {
    arch: base.arch,
    name: String(name),
    ...(options && { options }),
    ...(typeof k === 'number' && { k }),
    ...(threshold !== undefined && { threshold }),
    rescalesByDecoderNorm: selects && of.any('rescale_acts_by_decoder_norm') === true,
    applyBDecToInput,
    isOwn: of.any('gated_sae_lab') !== undefined,
    notes:
      typeof trained === 'string' && trained !== name && lab.architecture === undefined
        ? [`It was trained as ${trained} (training_architecture) and is measured as what it was saved as, ${name}.`]
        : [],
    named: said !== undefined,
  };
}

const labFields = (of: Keys): Fields => {
  const lab = of.any('gated_sae_lab');
  return isFields(lab) ? lab : {};
};

/** The architecture that the lab wrote, else the one of that name. */
function baseOf(
  path: string,
  name: unknown,
  known: ReturnType<typeof byName>,
  lab: Fields,
): { arch: ArchitectureId; options?: OptionValues } {
  if (lab.options !== undefined && !isFields(lab.options)) throw new DataError(path, 'gated_sae_lab: options is no object.');
  const own = lab.options as OptionValues | undefined;
  if (lab.architecture === undefined && !known)
    throw new DataError(path, `architecture ${JSON.stringify(name)} is not one the lab reads (${readNames()}).`);
  const arch = lab.architecture ?? known?.arch;
  if (typeof arch !== 'string' || !isArchitecture(arch))
    throw new DataError(
      path,
      `gated_sae_lab: architecture ${JSON.stringify(arch)} is not one the lab has (${architectureIds().join(', ')}).`,
    );
  const options = own || known?.options ? { ...(known?.arch === arch && known.options), ...own } : undefined;
  try {
    allOptions(architecture(arch), options);
  } catch (error) {
    throw new DataError(path, `gated_sae_lab: ${messageOf(error)}.`);
  }
  return { arch, ...(options && { options }) };
}

/** An architecture that can see x or x − b_dec has the one that cfg.json says. */
function withPreBias(path: string, entry: Architecture, options: OptionValues | undefined, applies: boolean): OptionValues | undefined {
  if (!entry.options.some(({ key }) => key === 'pre-bias')) return options;
  const word = applies ? 'yes' : 'no';
  const said = options?.['pre-bias'];
  if (said !== undefined && said !== word)
    throw new DataError(path, `apply_b_dec_to_input is ${applies}, and gated_sae_lab says pre-bias ${said}. One of them is wrong.`);
  return traitsOf(entry, options).preBias === applies ? options : { ...options, 'pre-bias': word };
}

/** SAELens writes the threshold of these into a JumpReLU SAE when training is over, and into a tensor of its own before. */
const isTrainingSave = (entry: Architecture, name: unknown): boolean =>
  entry.saelens === name && traitsOf(entry).inference?.by === 'threshold';

function checkK(
  path: string,
  k: unknown,
  { name, dSae, isNeeded }: { name: string; dSae: number | undefined; isNeeded: boolean },
): asserts k is number | undefined {
  if (k === undefined && isNeeded)
    throw new DataError(
      path,
      `architecture ${JSON.stringify(name)} and no k (SAELens would take 100): write how many latents it keeps of a row.`,
    );
  if (k === undefined) return;
  // SAELens trains batchtopk with any mean number; to keep the k largest of a row it must be whole.
  if (typeof k !== 'number' || !(k > 0) || (isNeeded && !Number.isInteger(k)))
    throw new DataError(path, `k is ${JSON.stringify(k)}; a ${isNeeded ? 'whole ' : ''}number above 0 is expected.`);
  if (dSae !== undefined && k > dSae) throw new DataError(path, `k is ${k}, more than the ${dSae} latents of this SAE.`);
}

/** Matryoshka's prefixes as SAELens trains them. */
function checkWidths(path: string, of: Keys, dSae: number | undefined): void {
  const widths = of.any('matryoshka_widths');
  if (widths === undefined) return;
  const isRising = Array.isArray(widths) && widths.every((w, i) => Number.isInteger(w) && w > (i === 0 ? 0 : (widths[i - 1] as number)));
  if (!isRising || (dSae !== undefined && (widths.at(-1) as number) > dSae))
    throw new DataError(
      path,
      `matryoshka_widths is ${JSON.stringify(widths)}; widths that rise to d_sae${dSae === undefined ? '' : `, ${dSae},`} are expected.`,
    );
}

function checkOptions(
  path: string,
  entry: Architecture,
  options: OptionValues | undefined,
  { d, width, knob }: { d: number | undefined; width: number | undefined; knob: unknown },
): void {
  if (d === undefined || width === undefined || typeof knob !== 'number' || !entry.problems) return;
  const [problem] = entry.problems(allOptions(entry, options), { d, width, knob });
  if (problem !== undefined) throw new DataError(path, `gated_sae_lab: ${problem}`);
}

function number(path: string, key: string, value: unknown): number | undefined {
  if (value === undefined || typeof value === 'number') return value;
  throw new DataError(path, `${key} is ${JSON.stringify(value)}; a number is expected.`);
}
