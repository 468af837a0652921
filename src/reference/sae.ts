/**
 * Float64 twin of the SAE kernels, written to read like the paper (Rajamanoharan et al. 2024, arXiv 2404.16014). Plain loops, no tricks: this is what the
 * kernels in `shaders/sae` and the training step are tested against, and the self-test too. What an architecture computes of a pre-activation is the `twin`
 * of its module in `src/sae/architectures`; the rest is the same for all.
 *
 * Letters: B rows of a batch, D d_in, F d_sae. Matrices are row-major arrays: X [B, D], W_enc and W_dec [F, D] (a latent's
 * encoder and decoder row each contiguous). Loss: sum over D, mean over the batch.
 */
export * from './sae/adam';
export * from './sae/forward';
export * from './sae/gradients';
export * from './sae/loss';
export * from './sae/params';
export * from './sae/select';
export * from './sae/trainer';
