/** What an architecture says of options that contradict each other is shown at the arm, in form and command line, before anything is allocated. */
import { beforeAll, describe, expect, it } from 'vitest';
import { readOptions } from '../../../src/cli/args';
import { sweepConfig } from '../../../src/cli/sweepConfig';
import { sweepRows } from '../../../src/cli/training';
import { defaultForm, parseSettings, readArm } from '../../../src/lab/settings';
import { register } from '../../../src/sae/architectures';
import { jump } from '../../kernels/seams/jump';

beforeAll(() =>
  register({
    ...jump,
    id: 'toy',
    code: 3000,
    problems: (_, { width, knob, d }) => (knob > width ? [`${knob} is more than the ${width} latents that there are (d ${d}).`] : []),
  }),
);

const errors = (...arms: string[]) => parseSettings({ ...defaultForm(), arms: arms.map(readArm) }, 8).errors;
const knob = jump.knob.id;

describe('options that contradict each other', () => {
  it('are said once, at their arm', () => {
    expect(errors('gated', `toy width=2x ${knob}=3,40,50`)).toEqual({
      'arms.1.options': '40 is more than the 16 latents that there are (d 8). 50 is more than the 16 latents that there are (d 8).',
    });
    expect(errors(`toy width=2x ${knob}=3`)).toEqual({});
  });
  it('are not asked of runs that are struck out, nor of an arm that is not understood', () => {
    expect(errors(`toy width=2x ${knob}=3,40 without=${knob}:40`)).toEqual({});
    expect(Object.keys(errors(`toy width=x ${knob}=40`))).toEqual(['arms.0.width']);
  });
  it('name the arm on the command line', () => {
    const given = ['--arm', `toy width=2x ${knob}=40`];
    expect(() => sweepConfig(readOptions(given, sweepRows()).options, 8)).toThrow(
      /^--arm "toy width=2x [a-z]+=40": 40 is more than the 16 latents/,
    );
  });
});
