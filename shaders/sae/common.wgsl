// Shared by every kernel of the training step (the text is put in front of each).
//
// Letters: B rows of a batch, D d_in, F latents of one run, R runs of a sweep. A sweep packs its runs along the feature axis:
// run r owns the latents [first, first + width), first a multiple of 8; latents up to the next multiple of 8 are padding, which never fires.
// Where a matrix exceeds a binding, the packed latents are cut into segments with buffers and a run table of their own;
// `latents` is then the segment's. Every row of D values is stored as Q = ceil(D/4) vec4s, the surplus zero.
//
// A matrix and what Adam keeps of it are planes of one buffer: W `[latents, Q]`, then v, then (with momentum) m.

const MAX_RUNS = 64u;

// One SAE of the sweep. Rewritten by the host before each step. 80 bytes.
struct Run {
  first : u32,           // first packed latent, in this segment
  width : u32,           // number of latents in this segment
  arch : u32,            // code of the architecture table
  live : u32,            // 0: finished, stopped or failed; no kernel touches its parameters
  lambda : f32,          // sparsity coefficient of this step
  lr : f32,              // learning rate of this step
  correction1 : f32,     // 1 / (1 - beta1^t), t counted from 1
  correction2 : f32,     // 1 / (1 - beta2^t)
  beta1 : f32,
  beta2 : f32,
  eps : f32,
  main_slot : u32,       // block of `residuals` that holds e = x_hat - x
  aux_slot : u32,        // block of `residuals` that holds the auxiliary error, when the architecture has one
  before : u32,          // latents of the run in earlier segments
  options : vec4<f32>,   // the architecture's, in the table's order: numbers as they are, choices by their place
}

struct Runs {
  run : array<Run, MAX_RUNS>,
}

// Per-latent parameters, `latent_params`, planes of `latents` vec4s each:
//  0  xyz in the order of the architecture table's `vectors`, w = index of the owning run
//  1  xyz second moments of those, w = correction c (correction.wgsl)
//  2  x = rows on which the latent fired (f != 0) since the host reset it
//  3  xyz first moments, with momentum only
alias Latent = vec4<f32>;

// What one (row, latent) gives, all of it 0 where the latent is not touched.
struct Activation {
  f : f32,       // what the decoder sees
  gate : f32,    // what the auxiliary decoder sees
  penalty : f32, // what the sparsity term sums
}

// Gradients of one row's loss.
struct Backward {
  u : f32,             // dL/du
  vectors : vec3<f32>, // dL/d(vectors), in the order of Latent.xyz
}

// The active set: the (row, latent) pairs that the architecture calls touched, through which alone a gradient can flow. A bit each: a word
// holds 4 rows x 4 latents, bit 4·(latent % 4) + row % 4. Twice, so that both walks are contiguous: by rows [ceil(B/4), latents/4], then by
// latents [latents/4, ceil(B/4)]. Where rows are kept in registers (processor/registers.wgsl) then follows, as the first part, u of the
// lowest bit of each word, as f32.
struct Active {
  form : array<u32, MAX_RUNS>, // SPARSE or DENSE: the form that each run takes this step (choose.wgsl)
  words : array<u32>,
}

const SPARSE = 0u;
const DENSE = 1u;

// Whether the kernels of a form work on a run in this step.
fn takes_part(run : Run, form : u32, own : u32) -> bool {
  return run.live != 0u && form == own;
}

// The bits of one row in a word, at 0, 4, 8 and 12.
fn row_bits(word : u32, row : u32) -> u32 {
  return (word >> (row % 4u)) & 0x1111u;
}

// Values of one row's statistics, in units of the scaled activations.
const STATS = 8u;
const STAT_ERROR = 0u;   // ‖e‖²
const STAT_AUX = 1u;     // ‖e_aux‖²
const STAT_PENALTY = 2u; // sum of penalty, before lambda
const STAT_L0 = 3u;      // latents with f != 0
const STAT_HAT = 4u;     // ‖x_hat‖²
const STAT_CROSS = 5u;   // x_hat·x
const STAT_X = 6u;       // ‖x‖²
const STAT_COSINE = 7u;  // of x_hat and x, formed by reduce_stats.wgsl
