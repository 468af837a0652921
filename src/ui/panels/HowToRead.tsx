import { useLab } from '../store';

const CARDS = [
  ['L0', 'How many latents are active per row, on average. Further left is sparser.'],
  [
    'Loss recovered',
    'How much of the model’s loss survives when the SAE’s output replaces the activations: 1 is all, 0 is as bad as zeros.',
  ],
  ['Frontier', 'The best runs of each arm. Up and to the left wins; compare arms at equal height.'],
  ['γ', 'Length of the reconstruction against the original. Below 1 the SAE shrinks what it sees, the flaw that gating removes.'],
] as const;

export function HowToRead() {
  const closed = useLab((s) => s.cardsClosed);
  if (closed) return null;
  return (
    <section className="cards" aria-labelledby="how-to-read">
      <div className="cards-head">
        <h2 id="how-to-read">How to read this</h2>
        <button type="button" className="quiet" onClick={() => useLab.setState({ cardsClosed: true })} aria-label="Close How to read this">
          ×
        </button>
      </div>
      <dl>
        {CARDS.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
