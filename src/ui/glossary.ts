/** What each number means, in one or two sentences: shown by `?` beside it and as the tooltip of its column. */
export const GLOSSARY = {
  l0: {
    name: 'L0',
    text: 'Mean number of latents with f > 0 per row, on held-out data. Smaller is sparser.',
  },
  recovered: {
    name: 'Loss recovered',
    text: '1 − (CE_SAE − CE_clean) / (CE_zero − CE_clean), zero ablation, from pooled next-token losses on held-out text. 1 is a perfect splice, 0 is as bad as setting the hook to zero.',
  },
  r2: {
    name: 'Variance recovered (R²)',
    text: '1 − Σ‖x − x̂‖² / Σ‖x − x̄‖² on held-out rows. It needs no language model and is not loss recovered.',
  },
  fvu: {
    name: 'FVU',
    text: 'Fraction of variance unexplained about the mean of the data: Σ‖x − x̂‖² / Σ‖x − x̄‖². Smaller is better; R² is 1 − FVU.',
  },
  gamma: {
    name: 'γ, relative reconstruction bias',
    text: 'E‖x̂‖² / E[x·x̂]. Below 1 the SAE shrinks what it reconstructs; 1 is unbiased. Gated runs sit near 1.00, baselines at about 0.75 to 0.98; above 1.05 usually means a broken run.',
  },
  alive: {
    name: 'Alive',
    text: 'Share of latents that fired at least once in the window named beside it (tokens or rows). It depends on the window.',
  },
  often: {
    name: 'Latents that fire often',
    text: 'Latents that fired on more than 1 % and on more than 10 % of the held-out tokens: how many, and what share of all latents (SAEBench: freq_over_1_percent, freq_over_10_percent).',
  },
  ceClean: { name: 'CE clean', text: 'Mean next-token cross-entropy of the untouched model on the held-out text, nats.' },
  ceSae: { name: 'CE SAE', text: 'The same with the SAE’s reconstruction spliced in at the hook.' },
  ceZero: { name: 'CE zero', text: 'The same with the hook set to zero: the 0 of loss recovered.' },
  ceMean: { name: 'CE mean', text: 'The same with the hook set to its mean. May be worse than zero; loss recovered here uses zero.' },
  rowsPerSecond: { name: 'Rows/s', text: 'Training rows per second of the run’s sweep. All runs of a sweep share each batch.' },
  evaluatedBy: {
    name: 'Fires by',
    text: 'How it was told what fires on held-out rows, of SAEs that select in training: the k largest of each row, or what is above the threshold that training came to (in units of the rows as in the file).',
  },
  cosine: { name: 'Cosine', text: 'Mean cosine similarity of x and x̂ on held-out rows.' },
  mse: { name: 'MSE', text: 'Mean over rows of Σ(x − x̂)², summed over the d entries, on un-normalised activations.' },
  recoveredMean: { name: 'Loss recovered (mean ablation)', text: 'As loss recovered, with the hook set to its mean instead of zero.' },
  lambda: {
    name: 'Knob',
    text: 'What trades sparsity for quality. λ: sparsity coefficient of the training loss; k: latents kept a row. λ is for rows as they are scaled in training, and its scale differs between architectures, so compare at equal L0, not equal λ.',
  },
  scale: {
    name: 'Scale of the rows',
    text: 'The one factor by which all rows are multiplied in training, measured on a sample of the training rows. λ, lr and the loss terms are of the multiplied rows. L0 and γ do not depend on it; MSE, R² and saved SAEs are of rows as in the file.',
  },
  lossTerms: {
    name: 'Loss terms',
    text: 'Of the training batch, before that step’s update, on rows as they are scaled in training: reconstruction is the mean over rows of Σ(x − x̂)², sparsity is λ times the mean over rows of Σ f (Gated: of the gate’s positive part), auxiliary is the gate path’s own reconstruction. They add up to the total.',
  },
  frontier: {
    name: 'Frontier',
    text: 'The runs that no other run of that arm beats in both axes, joined by straight lines in log L0: the sparsity coefficient is continuous, so what lies between two runs can be trained.',
  },
  width: { name: 'Width', text: 'Number of latents in the dictionary. Equal compute: baseline 1.5 times the gated width.' },
  waitData: {
    name: 'Waiting for data',
    text: 'Share of the last seconds in which the next rows were not there yet: the disk, or the language model that computes them, was behind. Near 0 when streaming keeps up.',
  },
  waitGpu: {
    name: 'Waiting for the GPU',
    text: 'Share of the last seconds in which the GPU had two steps before it, or was still taking rows, and the next step waited. High is good: the GPU is never short of work.',
  },
  evaluating: {
    name: 'Evaluating',
    text: 'Share of the last seconds spent measuring runs on held-out data, between two training steps.',
  },
  host: {
    name: 'Host',
    text: 'The rest of the last seconds: preparing and sending commands to the GPU, reporting to this page, answering it. High when the steps are small.',
  },
  sample: {
    name: 'Sampled profile',
    text: 'Measured from at most 65 536 rows (64 MiB) in pieces spaced evenly over all files, without padding and rows with NaN or Inf. Every figure here is of this sample, and nothing is changed by it.',
  },
  norm: {
    name: 'Mean norm',
    text: 'E‖x‖, the mean Euclidean length of a row, in the units of the file. √d would be a mean square of about 1 per dimension.',
  },
  percentiles: {
    name: 'Percentiles of the norm',
    text: 'The norm below which so many percent of the sampled rows lie (nearest rank), in the units of the file.',
  },
  outliers: {
    name: 'Outliers',
    text: 'Sampled rows with a norm above ten times the median: norm sinks, such as BOS and some delimiters. They dominate squared errors and the scale.',
  },
  badRows: {
    name: 'NaN or Inf',
    text: 'Sampled rows in which a value is not finite. Such rows are found by their bits, always left out and counted.',
  },
  constant: { name: 'Constant dimensions', text: 'Dimensions with one and the same value in every sampled row: they carry nothing.' },
  meanVector: {
    name: 'Mean row',
    text: '‖E x‖, the norm of the mean row, and its share of the mean norm E‖x‖. Near 100 %, all rows point the same way.',
  },
  filter: {
    name: 'Rows left out',
    text: 'Left out of training, of the scale and of held-out rows alike; a language model still runs on whole sequences. Each row counts once, under the first reason that holds. Cannot change while runs train.',
  },
  step: { name: 'Step', text: 'Optimiser steps done of those planned.' },
} as const;

export type TermId = keyof typeof GLOSSARY;
