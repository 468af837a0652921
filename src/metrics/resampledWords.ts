/** What became of a run's dead latents, in words. */

interface Resampled {
  step: number;
  latents: number;
  inputs: number;
}

/** One resampling: "12 dead latents began anew at step 500, along rows drawn from 8192". */
export const resampledWords = ({ step, latents, inputs }: Resampled): string =>
  latents > 0
    ? `${latents} dead ${latents === 1 ? 'latent' : 'latents'} began anew at step ${step}, along rows drawn from ${inputs}`
    : inputs > 0
      ? `at step ${step} no row had a loss to draw by: dead latents stay`
      : `no latent was dead at step ${step}`;
