/** The report for a terminal. */
import { table } from '../../src/cli/output';
import { adapterText, milliseconds, type Report, settingText } from '../report';

export function readable({ setting, figures, cases, problems }: Report): string {
  const ratios = figures.map((row) => [row.key, row.text, row.target ?? '', row.verdict ?? '', row.words]);
  const blocks = cases.map(({ letter, title, timings, notes }) => {
    const rows = timings.map(({ name, ms, least, most, cpuMs, samples }) => [
      name,
      milliseconds(ms),
      `${milliseconds(least)} – ${milliseconds(most)}`,
      cpuMs === undefined ? '' : milliseconds(cpuMs),
      String(samples),
    ]);
    const times = rows.length > 0 ? [table(['what', 'median ms', 'least – most', 'cpu ms', 'samples'], rows)] : [];
    return [`${letter}  ${title}`, ...times, ...notes.map((note) => `  ${note}`)].join('\n');
  });
  const head = ratios.length > 0 ? [table(['figure', 'measured', 'target', '', 'meaning'], ratios)] : [];
  return [
    `GPU: ${adapterText(setting)}; ${settingText(setting)}`,
    ...head,
    ...problems.map(({ what, why }) => `not measured: ${what}: ${why}`),
    ...blocks,
  ].join('\n\n');
}
