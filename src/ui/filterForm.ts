/** What is typed into the filter's fields, and what a profile proposes, as the request that the session takes. */
import type { FilterRequest, Profile } from '../lab/protocol';

/** Undefined for nothing; a string says what is wrong. */
export function parseTokens(text: string): number[] | undefined | string {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  if (parts.length === 0) return undefined;
  const ids = parts.map(Number);
  return ids.every((id) => Number.isInteger(id) && id >= 0)
    ? [...new Set(ids)]
    : 'Token ids are whole numbers from 0, separated by commas.';
}

type Bound = Pick<FilterRequest, 'maxNorm' | 'maxNormMedians'>;

/** `50`, or `10x` for so many times the median; a string says what is wrong. */
export function parseMaxNorm(text: string): Bound | string {
  const trimmed = text.trim().replace('×', 'x');
  if (trimmed === '') return { maxNorm: undefined, maxNormMedians: undefined };
  const inMedians = /x$/i.test(trimmed);
  const value = Number(inMedians ? trimmed.slice(0, -1).trim() || Number.NaN : trimmed);
  if (!(value > 0 && Number.isFinite(value))) return 'A number above 0, or so many times the median: 10x.';
  return inMedians ? { maxNorm: undefined, maxNormMedians: value } : { maxNorm: value, maxNormMedians: undefined };
}

export const tokensText = ({ tokens }: FilterRequest): string => tokens?.join(', ') ?? '';
export const maxNormText = ({ maxNorm, maxNormMedians }: FilterRequest): string =>
  maxNormMedians !== undefined ? `${maxNormMedians}x` : maxNorm !== undefined ? String(maxNorm) : '';

/** Where rows of zeros are: from which row on, or the first. */
export const zerosText = ({ label, first, from }: NonNullable<Profile['zeroPlace']>): string =>
  from === undefined ? `the first at row ${first} of ${label}` : `from row ${from} of ${label} on`;

export interface Proposal {
  id: 'zero' | 'bos' | 'tokens' | 'norm';
  /** What would be left out, and why. */
  text: string;
  change: Partial<FilterRequest>;
}

/** What a profile proposes and is not asked for yet. */
export function proposalsOf({ proposal, outliers, zeroRows, sampledRows }: Profile, asked: FilterRequest): Proposal[] {
  const out: Proposal[] = [];
  if (proposal.zero && !asked.zero)
    out.push({
      id: 'zero',
      text: `Drop rows of zeros: ${zeroRows} of ${sampledRows} sampled ones are`,
      change: { zero: true },
    });
  const first = outliers.positions.find(({ at }) => at === 0);
  if (proposal.bos && !asked.bos)
    out.push({
      id: 'bos',
      text: `Drop first positions: ${first ? `${first.outliers} of ${first.rows}` : 'most'} sampled ones are outliers`,
      change: { bos: true },
    });
  const tokens = proposal.tokens.filter((id) => !asked.tokens?.includes(id));
  if (tokens.length > 0)
    out.push({
      id: 'tokens',
      text: `Drop ${tokens.length === 1 ? 'token' : 'tokens'} ${tokens.join(', ')}: at least half of these rows are outliers`,
      change: { tokens: [...(asked.tokens ?? []), ...tokens] },
    });
  const { maxNormMedians } = proposal;
  // Those that the proposals above leave over; of tokens it is not known how many that is.
  const left = outliers.rows - (proposal.bos || asked.bos ? (first?.outliers ?? 0) : 0);
  const most = proposal.tokens.length > 0 ? 'up to ' : '';
  if (maxNormMedians !== undefined && asked.maxNorm === undefined && asked.maxNormMedians === undefined)
    out.push({
      id: 'norm',
      text: `Drop ${most}${left} outlier ${left === 1 ? 'row' : 'rows'} of the sample and all like them: norm above ${maxNormMedians}x the median`,
      change: { maxNormMedians },
    });
  return out;
}
