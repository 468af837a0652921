/** The figures with their targets; before a run without values. */
import type { FigureInfo, FigureRow } from '../../../bench/page/protocol';

const MARK = { met: '✓', missed: '✗' } as const;

export function FiguresTable({ figures, small = false }: { figures: readonly (FigureInfo & Partial<FigureRow>)[]; small?: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard.
    <section className="table-scroll" tabIndex={0} aria-label="Figures">
      <table className="bench-table figures">
        <thead>
          <tr>
            <th scope="col">Measured</th>
            <th scope="col">Figure</th>
            <th scope="col">Target</th>
            <th scope="col">Verdict</th>
          </tr>
        </thead>
        <tbody>
          {figures.map(({ key, words, text, target, verdict }) => (
            <tr key={key}>
              <td className="value">{text ?? '–'}</td>
              <th scope="row">
                {words}
                <code className="muted">{key}</code>
              </th>
              <td>{target ?? <span className="muted">none</span>}</td>
              <td className={`verdict ${verdict ?? 'none'}`}>
                {verdict ? `${MARK[verdict]} ${verdict}` : target && text && small ? 'not judged' : '–'}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
