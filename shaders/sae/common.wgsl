// Shared by every kernel of the training step (the text is put in front of each).
//
// Letters: B rows of a batch, D d_in, F latents of one run, R runs of a sweep. A sweep packs its runs along the feature axis:
// run r owns the latents [first, first + width), first a multiple of 8; latents up to the next multiple of 8 are padding, which never fires.
// Where a matrix exceeds a binding, the packed latents are cut into segments with buffers and a run table of their own;
// `latents` is then the segment's. Every row of D values is stored as Q = ceil(D/4) vec4s, the surplus zero.
//
// A matrix and what Adam keeps of it are planes of one buffer: W `[latents, Q]`, then v, then (with momentum) m.

const MAX_RUNS = 64u;

// One SAE of the sweep. Rewritten by the host before each step. 64 bytes.
struct Run {
  first : u32,       // first packed latent, in this segment
  width : u32,       // number of latents in this segment
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
  before : u32,      // latents of the run in earlier segments
  spare0 : u32,
  spare1 : u32,
}

struct Runs {
  run : array<Run, MAX_RUNS>,
}

// Per-latent records, planes of `latents` vec4s each:
//  0  xyz in the order of the architecture table's `vectors`, w = index of the owning run
//  1  xyz second moments of those, w = correction c (correction.wgsl)
//  2  x = rows on which the latent fired (f > 0) since the host reset it
//  3  xyz first moments, with momentum only
alias Latent = vec4<f32>;

// The active set {gate > 0}, a bit a (row, latent): a word holds 4 rows x 4 latents, bit 4·(latent % 4) + row % 4. Twice, so that
// both walks are contiguous: by rows [ceil(B/4), latents/4], then by latents [latents/4, ceil(B/4)]. Where rows are kept in registers
// (registers.wgsl) then follows, as the first part, u of the lowest bit of each word, as f32.
struct Active {
  dense : array<u32, MAX_RUNS>, // 1: this step, the run goes through the dense form (choose.wgsl)
  words : array<u32>,
}

// The bits of one row in a word, at 0, 4, 8 and 12.
fn row_bits(word : u32, row : u32) -> u32 {
  return (word >> (row % 4u)) & 0x1111u;
}

// Values of one row's statistics, in units of the scaled activations.
//  0 ‖e‖²  1 ‖e_aux‖²  2 sum of gate (the L1 term)  3 latents with f > 0  4 ‖x_hat‖²  5 x_hat·x  6 ‖x‖²  7 cosine
const STATS = 8u;
