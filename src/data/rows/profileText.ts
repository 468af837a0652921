/** A profile in sentences, for people. */
import type { OutlierPlace, Profile } from './profile';

/** Four significant digits, without a row of zeros. */
const number = (value: number): string => (value === 0 ? '0' : String(Number(value.toPrecision(4))));
const percent = (share: number): string => `${number(100 * share)} %`;
const places = (list: readonly OutlierPlace[]): string =>
  list
    .slice(0, 5)
    .map(({ at, outliers, rows }) => `${at} (${outliers} of ${rows})`)
    .join(', ');

/** One line for each finding. What is fine is not mentioned. */
export function describeProfile(profile: Profile): string[] {
  const { normPercentiles: p, outliers, proposal } = profile;
  const { rows, sampledRows, d, badRows, maskedRows, constantColumns } = profile;
  const isAll = sampledRows >= rows;
  const good = sampledRows - badRows - maskedRows;
  const { zeroRows, zeroPlace } = profile;
  const lines = [
    `${isAll ? `all ${rows}` : `a sample of ${sampledRows} of ${rows}`} rows of width ${d}${isAll ? '' : ', spaced evenly'}`,
    `norm: mean ${number(profile.meanNorm)}, percentiles 1: ${number(p.p1)}, 5: ${number(p.p5)}, 50: ${number(p.p50)}, 95: ${number(p.p95)}, 99: ${number(p.p99)}`,
    `mean of the rows: norm ${number(profile.meanVectorNorm)}, ${percent(profile.meanVectorShare)} of the mean norm`,
  ];
  if (maskedRows > 0) lines.push(`${maskedRows} sampled rows are masked (padding), left out of these figures`);
  if (badRows > 0) lines.push(`${badRows} sampled rows hold NaN or Inf; such rows are left out of training and counted`);
  if (zeroRows > 0)
    lines.push(`${zeroRows} sampled rows are all zeros, ${describeZeros(zeroPlace)}: the end of an array that was not filled?`);
  if (constantColumns > 0)
    lines.push(
      `${constantColumns} of ${d} columns are constant: ${profile.constantColumnList.join(', ')}${constantColumns > profile.constantColumnList.length ? ', …' : ''}`,
    );
  if (outliers.rows > 0) {
    lines.push(
      `${outliers.rows} outliers with a norm above ${number(outliers.bound)}, ten times the median (${percent(outliers.rows / good)})`,
    );
    if (outliers.positions.length > 0) lines.push(`outliers at position ${places(outliers.positions)}`);
    if (outliers.tokens.length > 0) lines.push(`outliers at token ${places(outliers.tokens)}`);
  }
  const options = filterOptions(profile);
  if (options !== '') lines.push(`to leave them out: ${options}`);
  if (profile.meanNorm > 0) {
    const filtered = scaleOfLeft(profile);
    const then = options !== '' && filtered !== undefined ? `, times ${number(filtered)} of the rows that are then left` : '';
    lines.push(`to scale to a mean norm of sqrt(d), times ${number(proposal.scale)} by this sample${then}: --normalize mean-norm`);
  }
  return lines;
}

/** Where rows of zeros are: from which row on, or the first. */
export const describeZeros = (place: Profile['zeroPlace']): string =>
  place === undefined
    ? ''
    : place.from === undefined
      ? `the first at row ${place.first} of ${place.label}`
      : `row ${place.from} of ${place.label} and all sampled ones behind it`;

/** The proposal as options of the command line; empty when nothing is proposed. */
export function filterOptions({ proposal: { bos, tokens, maxNormMedians, zero } }: Profile): string {
  return [
    zero ? '--drop-zero' : '',
    bos ? '--drop-bos' : '',
    tokens.length > 0 ? `--drop-tokens ${tokens.join(',')}` : '',
    maxNormMedians === undefined ? '' : `--max-norm ${maxNormMedians}x`,
  ]
    .filter((option) => option !== '')
    .join(' ');
}

/** The factor that makes the mean norm sqrt(d) of the rows that the proposed filter leaves; undefined when there are none, or they are zero. */
export function scaleOfLeft({ d, left }: Profile): number | undefined {
  return left.meanNorm > 0 ? Math.sqrt(d) / left.meanNorm : undefined;
}
