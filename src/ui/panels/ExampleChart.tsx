import { drawFrontiers } from '../../metrics/frontierDrawing';
import { paretoDetail, paretoSentence } from '../../metrics/paretoWords';
import { QUALITIES } from '../../metrics/quality';
import { DARK_INK, LIGHT_INK } from '../../util/svg';
import { EXAMPLE_RESULTS, EXAMPLE_SOURCE } from '../exampleResults';
import { useDark, useWidth } from '../hooks';
import { SvgDrawing } from '../SvgDrawing';

/** A small drawing of reference results, there before Plotly is: the same frontiers and the same sentence as of the live chart that replaces it. */
export function ExampleChart() {
  const [ref, width] = useWidth<HTMLDivElement>(640);
  const dark = useDark();
  const height = Math.round(Math.min(520, Math.max(250, width * 0.5)));
  const sentence = paretoSentence(EXAMPLE_RESULTS);
  const look = { ink: dark ? DARK_INK : LIGHT_INK, theme: dark ? ('dark' as const) : ('light' as const) };
  return (
    <figure className="chart example" aria-labelledby="example-heading">
      <div className="chart-head">
        <h2 id="example-heading">Sparsity against quality</h2>
        <span className="chip plain">{EXAMPLE_SOURCE}</span>
      </div>
      <div ref={ref}>
        <SvgDrawing
          width={width}
          height={height}
          label={`Example Pareto chart of L0 against loss recovered. ${sentence}`}
          nodes={drawFrontiers(EXAMPLE_RESULTS, { width, height, quality: QUALITIES.recovered, ...look })}
        />
      </div>
      <figcaption>
        <span className="message lead">{sentence}</span>
        <span className="muted">{paretoDetail(EXAMPLE_RESULTS)} Your own runs replace this at their first evaluation.</span>
      </figcaption>
    </figure>
  );
}
