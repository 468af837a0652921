/** What the figures are worth, for who asks. */
const POINTS = [
  ['Ratios first', 'A ratio of two things timed side by side survives another machine, driver or day; milliseconds do not.'],
  [
    'In turns',
    'Contenders run interleaved, in an order that changes each round. Shown are medians, and the least and most of all samples.',
  ],
  [
    'Apart from the lab',
    'A worker of its own with its own GPU device. Training is paused first, and a run is stopped if training goes on: nothing is timed beside it.',
  ],
  [
    'Checked',
    'Four rows of every product are held against the processor’s. Before TF.js and jax-js are timed, their losses over the first steps must agree with ours.',
  ],
  [
    'Here only',
    'Everything comes from this site and nothing is sent anywhere. The same cases run from the command line: npm run bench (docs/performance.md).',
  ],
] as const;

export function Method() {
  return (
    <dl className="method">
      {POINTS.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}
