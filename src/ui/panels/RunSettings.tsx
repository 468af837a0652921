/** Everything that a run was made with, also when the form has long been changed, and the line that makes it again. */
import type { RunSummary } from '../../lab/protocol';
import { armFields, commandLine, concerns, factOf, settings, valueIn } from '../../lab/settings';
import { architecture, recipeOf } from '../../sae/architectures';
import { Copy } from '../Copy';
import { count } from '../format';

type Fact = [name: string, value: string];

/** Whose loss and parameters these are, where they are somebody's. */
export const runRecipe = ({ arch, options = {} }: Pick<RunSummary, 'arch' | 'options'>): string | undefined =>
  recipeOf(architecture(arch), options);

/** In the order of the form. */
function facts(run: RunSummary): Fact[] {
  const { dIn, arch, identity, activationScale } = run;
  const { config, shuffle, batchesBefore, init } = run.recipe;
  const recipe = runRecipe(run);
  const [arm] = config.arms;
  const entry = architecture(arch);
  const seed = (arm?.seeds ?? config.seeds)[0];
  return [
    ['Architecture', entry.title],
    ...(recipe === undefined ? [] : [['Loss and parameters as in', recipe] as Fact]),
    ['d → width', `${count(dIn)} → ${count(arm?.widths[0] ?? 0)}`],
    [entry.knob.symbol, String(arm?.knob[0])],
    ...armFields(arch).flatMap(({ place, key, label }): Fact[] => (place === 'option' ? [[label, String(arm?.options[key])]] : [])),
    ['Seed', String(seed)],
    ['Seed of order and split', String(config.seeds[0])],
    ...settings().flatMap(({ key, label, cli, ...row }): Fact[] =>
      key === 'seeds' || cli === false || !concerns(row, arch)
        ? []
        : [[label, [factOf(row, valueIn(config, { key }) ?? ''), row.unit].filter(Boolean).join(' ')]],
    ),
    ['Factor of the rows', String(Number(activationScale.toPrecision(6)))],
    ['Order of the rows', shuffle === 'pool' ? 'shuffled in a pool' : 'as in the files'],
    ...(batchesBefore > 0 ? [['Began after', `${count(batchesBefore)} batches of its sweep`] as Fact] : []),
    ...(init === undefined ? [] : [['Started from', init] as Fact]),
    ['Hook', identity.hook ?? 'not known'],
    ['Rows left out', identity.filter || 'none'],
  ];
}

export function RunSettings({ run }: { run: RunSummary }) {
  const { inputs } = run.recipe;
  const readable = inputs.data.length > 0 || inputs.model !== undefined;
  const line = commandLine(run.recipe, run.id);
  return (
    <details className="run-settings">
      <summary>All settings</summary>
      <dl>
        {facts(run).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="break">{value}</dd>
          </div>
        ))}
      </dl>
      {readable && (
        <>
          <p className="row">
            <Copy text={`${line}\n`} fileName={`${run.id}.sh`} type="text/x-shellscript">
              Copy as command line
            </Copy>
          </p>
          <code className="command">{line}</code>
          <p className="muted small">
            Trains this run again, in the same bits on the same kind of GPU. Paths are as they were dropped: put in where the files lie.
            {run.state !== 'done' &&
              run.step < run.steps &&
              ` It goes through all ${count(run.steps)} steps; this run did ${count(run.step)}.`}
          </p>
        </>
      )}
    </details>
  );
}
