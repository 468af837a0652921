import { useEffect, useState } from 'react';
import type { Profile } from '../../lab/protocol';
import { messageOf } from '../../util/errors';
import { useServices } from '../context';
import { proposalsOf, zerosText } from '../filterForm';
import { count, general, percent } from '../format';
import { scaleProposal, withScale } from '../scaleForm';
import { useLab } from '../store';
import { Term } from '../Term';

type Known = { revision: number; profile: Profile | undefined } | { revision: number; error: string };

/** What the dropped rows are like, measured from a sample after the drop; changes nothing but by a click. */
export function ProfileCard({ revision }: { revision: number }) {
  const { lab } = useServices();
  const [known, setKnown] = useState<Known>();
  useEffect(() => {
    let isOld = false;
    lab.ask({ type: 'profile' }).then(
      ({ profile }) => !isOld && setKnown({ revision, profile }),
      (error: unknown) => !isOld && setKnown({ revision, error: messageOf(error) }),
    );
    return () => {
      isOld = true;
    };
  }, [lab, revision]);
  const fresh = useLab((s) => s.runs.length === 0);
  if (known?.revision !== revision) return <p className="muted small profile-wait">Looking at a sample of the rows…</p>;
  if ('error' in known) return <p className="problem">No profile: {known.error}</p>;
  if (!known.profile) return <p className="problem">No sampled row is finite: write the activations again.</p>;
  const { sampledRows, rows } = known.profile;
  return (
    <details className="card profile" open={fresh}>
      <summary>
        {sampledRows >= rows ? 'Profile' : 'Sampled profile'}{' '}
        <span className="muted">({sampledRows >= rows ? `all ${count(rows)} rows` : `${count(sampledRows)} of ${count(rows)} rows`})</span>
      </summary>
      <p className="muted small">
        Measured, nothing changed. <Term id="sample">How it is sampled</Term>
      </p>
      <Figures profile={known.profile} />
      <Proposals profile={known.profile} />
    </details>
  );
}

function Figures({ profile }: { profile: Profile }) {
  const { normPercentiles: p, outliers, badRows, maskedRows, constantColumns, constantColumnList, d, zeroRows, zeroPlace } = profile;
  const percentiles = [
    ['1 %', p.p1],
    ['5 %', p.p5],
    ['50 %', p.p50],
    ['95 %', p.p95],
    ['99 %', p.p99],
  ] as const;
  const places = [
    ...outliers.positions.slice(0, 2).map(({ at, outliers: n, rows }) => `position ${at} (${n} of ${rows})`),
    ...outliers.tokens.slice(0, 2).map(({ at, outliers: n, rows }) => `token ${at} (${n} of ${rows})`),
  ];
  return (
    <>
      <dl className="facts">
        <dt>
          <Term id="norm">Mean norm</Term>
        </dt>
        <dd>
          {general(profile.meanNorm)} <span className="muted">= {general(profile.meanNorm / Math.sqrt(d))} √d</span>
        </dd>
      </dl>
      <table className="percentiles">
        <caption>
          <Term id="percentiles">Percentiles of the norm</Term>
        </caption>
        <thead>
          <tr>
            {percentiles.map(([name]) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            {percentiles.map(([name, value]) => (
              <td key={name}>{general(value)}</td>
            ))}
          </tr>
        </tbody>
      </table>
      <dl className="facts">
        <dt>
          <Term id="outliers">Outliers</Term>
        </dt>
        <dd className={outliers.rows > 0 ? 'warn-text' : undefined}>
          {count(outliers.rows)} {outliers.rows === 1 ? 'row' : 'rows'} above {general(outliers.bound)}
          {places.length > 0 && <span className="muted">, at {places.join(', ')}</span>}
        </dd>
        <dt>
          <Term id="badRows">NaN or Inf</Term>
        </dt>
        <dd className={badRows > 0 ? 'warn-text' : undefined}>
          {count(badRows)} {badRows === 1 ? 'row' : 'rows'}
          {badRows > 0 && ', always left out'}
        </dd>
        {zeroRows > 0 && (
          <>
            <dt>All zeros</dt>
            <dd className="warn-text">
              {count(zeroRows)} {zeroRows === 1 ? 'row' : 'rows'}
              {zeroPlace && <span className="muted">, {zerosText(zeroPlace)}</span>}
            </dd>
          </>
        )}
        {maskedRows > 0 && (
          <>
            <dt>Padding</dt>
            <dd>{count(maskedRows)} masked rows, not in these figures</dd>
          </>
        )}
        <dt>
          <Term id="constant">Constant</Term>
        </dt>
        <dd className={constantColumns > 0 ? 'warn-text' : undefined}>
          {constantColumns} of {d} dimensions
          {constantColumns > 0 && `: ${constantColumnList.join(', ')}${constantColumns > constantColumnList.length ? ', …' : ''}`}
        </dd>
        <dt>
          <Term id="meanVector">Mean row</Term>
        </dt>
        <dd>
          norm {general(profile.meanVectorNorm)}, {percent(profile.meanVectorShare)} of the mean norm
        </dd>
      </dl>
    </>
  );
}

function Proposals({ profile }: { profile: Profile }) {
  const { lab } = useServices();
  const asked = useLab((s) => s.data.filterRequest);
  const form = useLab((s) => s.form);
  const proposals = proposalsOf(profile, asked ?? {});
  // Once the proposed filter is asked for, the scale is of the rows that it leaves.
  const norms = proposals.length === 0 && profile.left.rows > 0 ? profile.left : profile;
  const scale = scaleProposal(profile.d, norms, form.normalize);
  return (
    <ul className="proposals" aria-label="Proposed">
      {proposals.map(({ id, text, change }) => (
        <li key={id}>
          <span>{text}</span>
          <button type="button" onClick={() => lab.do({ type: 'filter', request: { ...asked, ...change } })}>
            Drop
          </button>
        </li>
      ))}
      {norms.meanNorm > 0 && (
        <li>
          {scale ? (
            <>
              <span>
                <Term id="scale">Scale</Term> rows × {general(scale.factor)} in training, to a mean norm of √d (now ×{' '}
                {general(scale.present)}, {form.normalize}), with λ × {general(scale.lambdaFactor)} for the same balance
                {proposals.length > 0 && '; drop rows first, they count in it'}
              </span>
              <button type="button" onClick={() => useLab.setState({ form: withScale(form, scale) })}>
                Use
              </button>
            </>
          ) : (
            <span className="muted">
              <Term id="scale">Scale</Term>: rows × {general(Math.sqrt(profile.d) / norms.meanNorm)} in training, to a mean norm of √d, as
              proposed
            </span>
          )}
        </li>
      )}
    </ul>
  );
}
