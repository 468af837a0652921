/** Runs a case of any kind through the product. */
import { listFiles } from '../../data/bytes/nodeFiles';
import { loadSae } from '../../interop/saelens';
import type { ExpectedTraining } from '../../lab/parity/expected';
import { exact, type Outcome, type Tensors } from '../../lab/parity/findings';
import { checkModel, type ExpectedModel } from '../../lab/parity/model';
import { checkPursuit, type ExpectedPursuit } from '../../lab/parity/pursuit';
import { checkResampling, type ExpectedResampling } from '../../lab/parity/resample';
import { checkSae } from '../../lab/parity/sae';
import { checkTraining, machineOf } from '../../lab/parity/training';
import type { StepForm } from '../../sae/layout';
import { messageOf } from '../../util/errors';
import { baseName } from '../../util/paths';
import { type Engine, loadWorkspace } from '../engine';
import type { FoundCase } from './find';
import { readCaseJson, readTensors } from './read';

/** @throws Error when the product cannot run the case, saying why. */
export async function runCase(engine: Engine, { folder, kind }: FoundCase, forms: readonly StepForm[]): Promise<Outcome> {
  const { gpu, flopsPerMs } = engine;
  switch (kind) {
    case 'training': {
      const expected = await readCaseJson<ExpectedTraining>(folder, 'expected.json');
      return checkTraining(machineOf(gpu, flopsPerMs), { expected, ...(await trainingFiles(folder)) }, forms);
    }
    case 'resample': {
      const files = await trainingFiles(folder);
      return checkResampling(gpu, flopsPerMs, await readCaseJson<ExpectedResampling>(folder, 'expected.json'), files);
    }
    case 'model': {
      const expected = await readCaseJson<ExpectedModel>(folder, 'expected.json');
      const values = await readTensors(folder, 'expected.safetensors');
      const { model } = await loadWorkspace(engine, { model: folder });
      if (!model) throw new Error('no language model was loaded');
      try {
        return await checkModel(gpu, model, expected, values);
      } finally {
        model.destroy();
      }
    }
    case 'sae':
      return checkSae(gpu, flopsPerMs, await loadSae(await saeFiles(folder)), await readTensors(folder, 'expected.safetensors'));
    case 'refusal':
      return checkRefusal(folder);
    case 'pursuit':
      return checkPursuit(gpu, await readCaseJson<ExpectedPursuit>(folder, 'expected.json'), await trainingFiles(folder));
    case 'unknown':
      throw new Error('its expected.json is of no format that is known here');
  }
}

async function trainingFiles(folder: string): Promise<{ init: Tensors; data: Tensors; final: Tensors }> {
  const read = (name: string) => readTensors(folder, `${name}.safetensors`);
  const [init, data, final] = await Promise.all([read('init'), read('data'), read('final')]);
  return { init, data, final };
}

const saeFiles = async (folder: string) => (await listFiles([folder])).filter(({ path }) => !/^expected\./.test(baseName(path)));

/** A damaged or doubtful SAE: refused, or loaded with a remark. Whether the words are the right ones a person must judge. */
async function checkRefusal(folder: string): Promise<Outcome> {
  const expected = await readCaseJson<{ must_refuse: boolean; say: string }>(folder, 'expected.json');
  const found = await loadSae(await saeFiles(folder)).then(
    ({ notes }) => ({ refused: false, words: notes.join(' ') }),
    (cause: unknown) => ({ refused: true, words: messageOf(cause) }),
  );
  // Refused as a whole kind: whether its fault would be found is not known then.
  if (/not read yet|is not one the lab reads/.test(found.words) && !/backup|is not known/.test(expected.say)) throw new Error(found.words);
  const said = `${found.refused ? 'refused' : 'loaded'}${found.words === '' ? '' : `: ${found.words}`}`;
  return { findings: [exact(said, found.refused === expected.must_refuse && found.words !== '')], computed: {} };
}
