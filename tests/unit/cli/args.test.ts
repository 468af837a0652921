/** Command lines that are wrong: exit code 2 with the option's name, before any file or GPU is touched. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readOptions, UsageError } from '../../../src/cli/args';
import { FILTER_OPTIONS, filterOf, openEngine } from '../../../src/cli/engine';
import { main } from '../../../src/cli/main';

vi.mock('../../../src/cli/engine', async (original) => ({
  ...(await original<typeof import('../../../src/cli/engine')>()),
  openEngine: vi.fn(() => Promise.reject(new Error('a GPU was opened'))),
}));

const written = { out: '', err: '' };
const run = async (line: string) => {
  written.out = '';
  written.err = '';
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.out += text;
    return true;
  });
  const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.err += text;
    return true;
  });
  try {
    return await main(line.split(' ').filter(Boolean));
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
};
afterEach(() => vi.clearAllMocks());

const TRAIN = 'train --data nowhere --arch gated --d-sae 8 --out /nowhere/at/all';

describe('exit code 2', () => {
  it.each([
    ['', /^npm run lab -- COMMAND/],
    ['dance', /There is no command "dance"/],
    ['train --frobnicate 3', /frobnicate/],
    ['inspect --json=yes x', /json/],
    [`${TRAIN} --lambda 0`, /--lambda: .*above 0/],
    [`${TRAIN} --lambda -1`, /lambda/],
    [`${TRAIN} --lambda soon`, /--lambda: "soon" is not a number/],
    [`${TRAIN} --lambda Infinity`, /--lambda/],
    [`${TRAIN}`, /--lambda is required/],
    ['train --arch gated --d-sae 8 --lambda 1 --data x', /--out is required/],
    [`${TRAIN} --lambda 1 --lr 1e6`, /--lr: 1e6 is above the largest allowed, 10/],
    [`${TRAIN} --lambda 1 --lr 0`, /--lr/],
    [`${TRAIN} --lambda 1 --steps 2.5`, /--steps: 2.5 is not a whole number/],
    [`${TRAIN} --lambda 1 --batch 0`, /--batch/],
    [`${TRAIN} --lambda 1 --holdout 1`, /--holdout/],
    [`${TRAIN} --lambda 1 --beta1 1`, /--beta1/],
    [`${TRAIN} --lambda 1 --normalize maybe`, /--normalize: "maybe" is not one of/],
    [`${TRAIN} --lambda 1 --shuffle twice`, /--shuffle must be pool or none, not "twice"/],
    [`${TRAIN} --lambda 1 --log-every 0`, /--log-every must be a whole number of at least 1/],
    [`${TRAIN} --lambda 0.1,0.2`, /train makes one run/],
    ['constructor', /There is no command "constructor"/],
    ['train --data x --out y --arm gated', /train makes one run/],
    ['train --data x --arch kan --d-sae 8 --lambda 1 --out y', /--arch: "kan" is not one of baseline, gated/],
    ['train --data x --arch topk --d-sae 8 --lambda 1 --out y', /--k is required/],
    ['train --data x --arch topk --d-sae 8 --lambda 1 --k 4 --out y', /--lambda: none of the arms has it; topk has k/],
    ['train --data x --arch topk --d-sae 8 --k 2.5 --out y', /--k: .*whole/],
    ['train --data x --arch topk --d-sae 8 --k 9 --out y', /k = 9 is more than the 8 latents/],
    ['train --data x --arch gated --d-sae 1.5 --lambda 1 --out y', /--d-sae/],
    ['train --arch gated --d-sae 8 --lambda 1 --out y', /give activations \(--data PATH...\), or a language model/],
    ['train --arch gated --d-sae 8 --lambda 1 --out y stray', /stray/],
    ['sweep --data x --arch gated --d-sae 8 --lambda 0.1:0.2 --out y', /--lambda: "0.1:0.2" is not lo:hi:count/],
    ['sweep --data x --arch gated --d-sae 8 --lambda 0.1:0.2:65 --out y', /count from 1 to 64/],
    ['sweep --data x --arch gated,baseline --d-sae 1,2,3,4,5 --lambda 0.1:1:10 --out y', /100 runs are more than the 64/],
    [`${TRAIN} --lambda 1 --drop-masked --keep-masked`, /--drop-masked or --keep-masked, not both/],
    [`${TRAIN} --lambda 1 --drop-tokens 0,eos`, /--drop-tokens must be token ids such as 0,2, not "0,eos"/],
    [`${TRAIN} --lambda 1 --drop-tokens 1,,2`, /--drop-tokens/],
    [`${TRAIN} --lambda 1 --drop-tokens=-1`, /--drop-tokens/],
    [`${TRAIN} --lambda 1 --max-norm 0`, /--max-norm must be a norm above 0, or so many times the median such as 10x/],
    [`${TRAIN} --lambda 1 --max-norm 10y`, /--max-norm/],
    [`${TRAIN} --lambda 1 --max-norm x`, /--max-norm/],
    ['eval --sae s --model m --text t --drop-bos', /rows are left out of --data only/],
    ['eval --model m --text t', /--sae is required/],
    ['eval --sae s', /give --model DIR and --text FILE/],
    ['lm --model m', /give --text FILE or --tokens/],
    ['lm --model m --text a --tokens b', /one of them/],
    ['lm --model m --text a --splice hook', /--splice must be HOOK=zero/],
    ['lm --model m --text a --splice h=most', /--splice must be HOOK=zero/],
    ['harvest --model m --hook h --text t', /--out is required/],
    ['harvest --model m --hook h --text t --out o --dtype f8', /--dtype must be f32 or f16, not "f8"/],
    ['harvest --model m --hook h --text t --out o --rows-per-shard x', /--rows-per-shard must be a number/],
    ['inspect', /at least one file or folder/],
  ])('%s', async (line, message) => {
    expect(await run(line)).toBe(2);
    expect(written.err + written.out).toMatch(message);
    expect(written.err + written.out).toMatch(/npm run lab -- COMMAND/);
    expect(openEngine).not.toHaveBeenCalled();
  });
});

it('help is not a mistake', async () => {
  expect(await run('help')).toBe(0);
  expect(await run('--help')).toBe(0);
  expect(written.out).toMatch(/harvest {2}--model DIR/);
});

it.each(['train', 'sweep', 'eval', 'lm', 'harvest', 'inspect', 'reproduce'])('%s --help says what its options do', async (command) => {
  expect(await run(`${command} --help`)).toBe(0);
  expect(written.out).toMatch(new RegExp(`^npm run lab -- ${command} .*\\[options\\]`));
  expect(written.out).toMatch(/\n {2}--json +Prints one JSON object/);
  expect(Math.max(...written.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120);
  expect(written.err).toBe('');
  expect(openEngine).not.toHaveBeenCalled();
});

it('a file that is not there is a failure, not a wrong command line', async () => {
  expect(await run('inspect /nowhere/at/all.safetensors')).toBe(1);
  expect(written.err).toMatch(/\/nowhere\/at\/all\.safetensors: no such file or folder/);
  expect(written.err).not.toMatch(/COMMAND/);
});

describe('rows to leave out', () => {
  const request = (line: string) => filterOf(readOptions(line.split(' ').filter(Boolean), FILTER_OPTIONS).options);
  it('are those asked for', () => {
    expect(request('')).toEqual({});
    expect(request('--drop-masked --drop-bos')).toEqual({ masked: true, bos: true });
    expect(request('--keep-masked --drop-tokens 0,2')).toEqual({ masked: false, tokens: [0, 2] });
    expect(request('--max-norm 12.5')).toEqual({ maxNorm: 12.5 });
    expect(request('--max-norm 1e3')).toEqual({ maxNorm: 1000 });
    expect(request('--max-norm 10x')).toEqual({ maxNormMedians: 10 });
  });
});

describe('readOptions', () => {
  it('takes lists after one flag, repeated flags, and = forms', () => {
    const spec = { data: 'list', out: 'text', json: 'flag' } as const;
    const { options } = readOptions(['--data', 'a', 'b', '--out', 'o', '--data=c', '--json'], spec);
    expect(options.list('data')).toEqual(['a', 'b', 'c']);
    expect([options.text('out'), options.flag('json')]).toEqual(['o', true]);
    expect(readOptions([], spec).options.list('data')).toEqual([]);
  });
  it('reads numbers strictly', () => {
    const options = (value: string) => readOptions(['--n', value], { n: 'text' }).options;
    expect(options('1e3').count('n', 0)).toBe(1000);
    expect(readOptions([], { n: 'text' }).options.number('n', 7)).toBe(7);
    for (const bad of ['', ' ', 'x', 'NaN', 'Infinity']) expect(() => options(bad).number('n', 0)).toThrow(UsageError);
    expect(() => options('1.5').count('n', 0)).toThrow(/whole number/);
    expect(() => options('0').count('n', 5, 1)).toThrow(/at least 1/);
  });
});
