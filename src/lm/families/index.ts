/** The table of families. A family is one file beside this one and one line here; everything else asks the table. */
import { DataError } from '../../data/bytes/types';
import type { LmConfig } from '../config';
import { Fields } from '../fields';
import { gpt2 } from './gpt2';
import { refuseUnsupported, unreadKeys } from './keys';
import { llama } from './llama';
import type { Family } from './types';

/** By `model_type`. */
export const FAMILIES: Map<string, Family> = new Map([gpt2, llama].map((family) => [family.id, family]));

/** The family of a parsed config. */
export function familyOf({ family }: Pick<LmConfig, 'family'>): Family {
  const found = FAMILIES.get(family);
  if (!found) throw new DataError('config.json', `model family ${family} is not supported; supported families: ${supported()}`);
  return found;
}

const supported = (): string => [...FAMILIES.values()].map(({ id, label }) => `${label} (${id})`).join(', ');

/** A class name without what it is used for: GPTNeoXForCausalLM -> gptneox. */
const classOf = (architecture: string): string => architecture.replace(/(LMHeadModel|ForCausalLM|Model)$/, '').toLowerCase();

/**
 * Reads a model's `config.json`. Anything that would change the arithmetic and is not implemented is refused by name.
 * @param json parsed. @param path its name, for messages.
 * @param note is told, in a sentence each, what the file says and nothing here reads.
 * @throws DataError naming the part that is missing, malformed or not supported.
 */
export function parseConfig(json: unknown, path = 'config.json', note: (sentence: string) => void = () => undefined): LmConfig {
  const fields: Fields = new Fields(path, json);
  const architectures = fields.get('architectures');
  const architecture = Array.isArray(architectures) && typeof architectures[0] === 'string' ? architectures[0] : undefined;
  const type = fields.text(['model_type']) ?? (architecture === undefined ? undefined : classOf(architecture));
  if (type === undefined) fields.fail('has neither model_type nor architectures, so the model family is unknown');
  const family = FAMILIES.get(type) ?? [...FAMILIES.values()].find(({ id }) => id.replaceAll('_', '') === type);
  if (!family)
    fields.fail(`model family ${type}${architecture ? ` (${architecture})` : ''} is not supported; supported families: ${supported()}`);
  if (architecture !== undefined && classOf(architecture) !== family.id.replaceAll('_', ''))
    note(`${path} names the architecture ${architecture}; the model is read as ${family.label}, after its model_type.`);
  const parsed = family.parse(fields);
  refuseUnsupported(fields);
  const config: LmConfig = {
    family: family.id,
    label: family.label,
    ...parsed,
    vocab: fields.size(['vocab_size']),
    bosTokenId: fields.tokenId('bos_token_id'),
    eosTokenId: fields.tokenId('eos_token_id'),
    dtype: fields.text(['dtype', 'torch_dtype']),
  };
  checkSizes(fields, config);
  const unread = unreadKeys(fields, family.harmless);
  if (unread !== undefined) note(unread);
  return config;
}

// Kernels read vectors of four; every published model of these families satisfies this.
function checkSizes(fields: Fields, { dModel, headDim, rope }: LmConfig): void {
  if (dModel % 4 !== 0) fields.fail(`a model width of ${dModel} is not supported: it must be a multiple of 4`);
  if (headDim % 4 !== 0) fields.fail(`a head width of ${headDim} is not supported: it must be a multiple of 4`);
  const turned = rope?.dims;
  if (turned !== undefined && (turned % 2 !== 0 || turned > headDim))
    fields.fail(`a rotary embedding of ${turned} of ${headDim} dimensions is not possible: they are rotated in pairs`);
}
