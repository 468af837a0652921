// Shared by every kernel of the training step (the text is put in front of each).
//
// Letters: B rows of a batch, D d_in, F latents of one run, R runs of a sweep. A sweep packs its runs along the feature axis:
// run r owns the latents [first, first + width). Every row of D values is stored as Q = ceil(D/4) vec4s, the surplus zero.

const MAX_RUNS = 64u;

// One SAE of the sweep. Rewritten by the host before each step. 64 bytes.
struct Run {
  first : u32,       // first packed latent
  width : u32,       // number of latents, F
  arch : u32,        // code of the architecture table
  live : u32,        // 0: finished, stopped or failed; no kernel touches its parameters
  lambda : f32,      // sparsity coefficient of this step
  lr : f32,          // learning rate of this step
  correction1 : f32, // 1 / (1 - beta1^t), t counted from 1
  correction2 : f32, // 1 / (1 - beta2^t)
  beta1 : f32,
  beta2 : f32,
  eps : f32,
  main_slot : u32,   // block of `errors` that holds e = x_hat - x
  aux_slot : u32,    // block of `errors` that holds the auxiliary error, when the architecture has one
  spare0 : u32,
  spare1 : u32,
  spare2 : u32,
}

struct Runs {
  run : array<Run, MAX_RUNS>,
}

// Per-latent scalars: xyz in the order of the architecture table's `vectors`, w = index of the owning run.
alias Latent = vec4<f32>;

// Words of one entry of a row's active list: latent (relative to its run), f, gate.
const ENTRY = 3u;

// Values of one row's statistics, in units of the scaled activations.
//  0 ‖e‖²  1 ‖e_aux‖²  2 sum of gate (the L1 term)  3 latents with f > 0  4 ‖x_hat‖²  5 x_hat·x  6 ‖x‖²  7 cosine
const STATS = 8u;
