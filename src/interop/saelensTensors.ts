/** The tensors of a SAELens file as weights: which there must be, what they mean, and which none may be. */
import { DataError } from '../data/bytes/types';
import { readTensorF32, type SafetensorsFile, tensor } from '../data/formats/safetensors/header';
import { type Architecture, type ArchitectureId, architecture, architectures, type OptionValues, traitsOf } from '../sae/architectures';
import type { SaeWeights } from '../sae/weights';
import { holdsLogThreshold, transpose } from './fold';
import type { SaelensCfg } from './saelensCfg';
import { choicesOf, MATRICES, readNames, savedAs, THRESHOLD, W_MAG } from './saelensForm';

type Known = Pick<SaelensCfg, 'arch' | 'name' | 'options'>;

/** JumpReLU's threshold before it was its own parameter; a selection's before training is over, a scalar. */
const [LOG_THRESHOLD, TOPK_THRESHOLD] = ['log_threshold', 'topk_threshold'];
/** Tensors of architectures that the lab does not have. */
const FOREIGN = new Map([['W_skip', 'skip_transcoder']]);
/** Folded away on loading. */
const FOLDED = ['scaling_factor', 'finetuning_scaling_factor'];

/** The architecture whose vectors the file holds. @throws DataError for those the lab does not read. */
export function inferArchitecture(file: SafetensorsFile): { arch: ArchitectureId; name: string; options?: OptionValues } {
  const { path } = file.source;
  for (const [name, other] of FOREIGN) {
    if (file.tensors.has(name))
      throw new DataError(path, `holds ${name}: a ${other} SAE, which the lab does not read (it reads ${readNames()}).`);
  }
  const found = architectures().filter(({ vectors }) => vectors.every(({ name }) => file.tensors.has(name)));
  const [one] = found.sort((a, b) => b.vectors.length - a.vectors.length || a.code - b.code);
  if (!one) {
    const vectors = architectures().map(({ saelens, vectors }) => `${vectors.map(({ name }) => name).join(', ')} (${saelens})`);
    throw new DataError(path, `holds neither ${[...new Set(vectors)].join(' nor ')}. Add its cfg.json.`);
  }
  const options = file.tensors.has(W_MAG) ? withSecondMatrix(one) : undefined;
  return { arch: one.id, name: savedAs(one.id, options), ...(options && { options }) };
}

/** The option by which an architecture has a second encoder matrix. */
const withSecondMatrix = (entry: Architecture): OptionValues | undefined =>
  choicesOf(entry).find((options) => traitsOf(entry, options).encoders === 2);

/**
 * Before anything is read.
 * @throws DataError naming a tensor that the architecture needs and that is not there, and those that it has no place for: dropping them would make it
 * another SAE.
 */
export function checkTensors(file: SafetensorsFile, cfg: Known): void {
  for (const name of namesOf(file, cfg)) present(file, cfg, name);
  const known = new Set([...MATRICES, ...namesOf(file, cfg), ...FOLDED]);
  const strangers = [...file.tensors.values()].filter((info) => !known.has(info.name));
  if (strangers.length === 0) return;
  const words = strangers.map(({ name: stranger, shape }) => {
    const other = ownerOf(stranger);
    return `${stranger} [${shape.join(', ')}]${other === undefined ? '' : ` (of a ${other} SAE)`}`;
  });
  throw new DataError(
    file.source.path,
    `holds ${words.join(', ')}, for which a ${cfg.name} SAE has no place. Correct "architecture" in cfg.json, or save it without.`,
  );
}

function ownerOf(name: string): string | undefined {
  const having = (holds: (entry: Architecture) => boolean) => architectures().find(holds)?.saelens;
  if (name === LOG_THRESHOLD) return having(({ vectors }) => vectors.some(({ role }) => role === 'threshold'));
  if (name === TOPK_THRESHOLD) return having((entry) => traitsOf(entry).selects === 'batch');
  if (name === W_MAG) return having((entry) => withSecondMatrix(entry) !== undefined);
  return FOREIGN.get(name) ?? having(({ vectors }) => vectors.some((v) => v.name === name));
}

/** Tensors beside the matrices that such a SAE has in this file. */
function namesOf(file: SafetensorsFile, { arch, options }: Known): string[] {
  const entry = architecture(arch);
  const { encoders, inference } = traitsOf(entry, options);
  return [
    ...entry.vectors.map(({ name, role }) => (role === 'threshold' ? thresholdName(file) : name)),
    ...(encoders === 2 ? [W_MAG] : []),
    ...(inference?.by === 'threshold' ? [file.tensors.has(TOPK_THRESHOLD) ? TOPK_THRESHOLD : THRESHOLD] : []),
  ];
}

const thresholdName = ({ tensors }: SafetensorsFile): string =>
  !tensors.has(THRESHOLD) && tensors.has(LOG_THRESHOLD) ? LOG_THRESHOLD : THRESHOLD;

/** @throws DataError for shapes that disagree, values that are not finite, and numbers of latents that cannot be. */
export async function readWeights(file: SafetensorsFile, cfg: SaelensCfg): Promise<SaeWeights & { notes: string[] }> {
  const { dIn, dSae } = sizes(file, cfg);
  const { arch, options, k } = cfg;
  if (k !== undefined && k > dSae) throw new DataError(file.source.path, `k is ${k}, more than the ${dSae} latents of this SAE.`);
  const traits = traitsOf(architecture(arch), options);
  const wEnc = transpose(await read(file, 'W_enc', [dIn, dSae]), dIn, dSae);
  const wDec = await read(file, 'W_dec', [dSae, dIn]);
  const bDec = await read(file, 'b_dec', [dIn]);
  const wSecond = traits.encoders === 2 ? transpose(await read(file, W_MAG, [dIn, dSae]), dIn, dSae) : undefined;
  const notes: string[] = [];
  const vectors: Record<string, Float32Array> = {};
  for (const { name, role } of architecture(arch).vectors) {
    vectors[name] = role === 'threshold' ? await thresholds(file, dSae, cfg, notes) : await readVector(file, name, dSae);
  }
  const threshold = traits.inference?.by === 'threshold' ? await oneThreshold(file, dSae, cfg) : cfg.threshold;
  return {
    arch,
    ...(options && { options }),
    ...(k !== undefined && { k }),
    dIn,
    dSae,
    wEnc,
    wDec,
    bDec,
    vectors,
    ...(wSecond && { wSecond }),
    ...(threshold !== undefined && { threshold }),
    notes,
  };
}

function sizes(file: SafetensorsFile, cfg: SaelensCfg): { dIn: number; dSae: number } {
  const { path } = file.source;
  const { shape } = tensor(file, 'W_dec');
  const [dSae, dIn] = shape as [number, number];
  if (shape.length !== 2 || !dSae || !dIn) throw new DataError(path, `W_dec has shape [${shape.join(', ')}]; [d_sae, d_in] is expected.`);
  if ((cfg.dIn ?? dIn) !== dIn || (cfg.dSae ?? dSae) !== dSae) {
    const looksTransposed = cfg.dIn === dSae && cfg.dSae === dIn;
    throw new DataError(
      path,
      `W_dec is [${dSae}, ${dIn}] but cfg.json says d_sae ${cfg.dSae}, d_in ${cfg.dIn}. ${looksTransposed ? 'The matrices look transposed: SAELens stores W_enc as [d_in, d_sae] and W_dec as [d_sae, d_in].' : 'The two files do not belong together.'}`,
    );
  }
  return { dIn, dSae };
}

/** @throws DataError where a tensor is missing that makes the architecture what it is. */
function present(file: SafetensorsFile, { name }: Known, wanted: string): void {
  if (file.tensors.has(wanted)) return;
  const has = [...file.tensors.keys()].slice(0, 20).join(', ');
  throw new DataError(file.source.path, `has no tensor ${JSON.stringify(wanted)}, which a ${name} SAE needs; it has ${has}.`);
}

/** JumpReLU's, as the lab's kernels take them: as numbers, or as logarithms where they were trained so. */
async function thresholds(file: SafetensorsFile, dSae: number, cfg: SaelensCfg, notes: string[]): Promise<Float32Array> {
  const name = thresholdName(file);
  const stored = await readVector(file, name, dSae);
  const values = name === LOG_THRESHOLD ? stored.map(Math.exp) : stored;
  if (holdsLogThreshold(cfg)) {
    const bad = values.findIndex((v) => !(v > 0));
    if (bad >= 0)
      throw new DataError(
        file.source.path,
        `${name} holds ${values[bad]} at position ${bad}; its options say that logarithms were trained.`,
      );
    return name === LOG_THRESHOLD ? stored : values.map(Math.log);
  }
  const below = values.filter((v) => v < 0).length;
  // A run of the lab's own is what it was; SAELens' ReLU leaves nothing for a threshold below 0 to let through.
  if (below === 0 || cfg.isOwn) return values;
  notes.push(`${name} holds ${below} values below 0, which act as 0 there (nothing negative passes the ReLU): 0 was put in their place.`);
  return values.map((v) => Math.max(0, v));
}

/** The one threshold of a SAE that was trained with a selection. */
async function oneThreshold(file: SafetensorsFile, dSae: number, { name }: SaelensCfg): Promise<number> {
  if (file.tensors.has(TOPK_THRESHOLD)) return (await read(file, TOPK_THRESHOLD, []))[0] as number;
  const values = await readVector(file, THRESHOLD, dSae);
  const other = values.findIndex((v) => v !== values[0]);
  if (other >= 0)
    throw new DataError(
      file.source.path,
      `${THRESHOLD} holds ${values[0]} and, at position ${other}, ${values[other]}; gated_sae_lab says that this ${name} SAE has one for all latents.`,
    );
  return values[0] as number;
}

export const readVector = (file: SafetensorsFile, name: string, length: number): Promise<Float32Array> => read(file, name, [length]);

async function read(file: SafetensorsFile, name: string, shape: number[]): Promise<Float32Array> {
  const info = tensor(file, name);
  if (info.shape.join() !== shape.join())
    throw new DataError(file.source.path, `${name} has shape [${info.shape.join(', ')}]; [${shape.join(', ')}] is expected.`);
  const values = await readTensorF32(file, info);
  const bad = values.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0)
    throw new DataError(
      file.source.path,
      `${name} holds ${values[bad]} at position ${bad}: this SAE diverged in training, or does not fit f32.`,
    );
  return values;
}
