// Shared by every kernel of the training step (the text is put in front of each).
//
// Letters: B rows of a batch, D d_in, F latents of one run, R runs of a sweep. A sweep packs its runs along the feature axis:
// run r owns the latents [first, first + width), first a multiple of 8; latents up to the next multiple of 8 are padding, which never fires.
// Where a matrix exceeds a binding, the packed latents are cut into segments with buffers and a run table of their own;
// `latents` is then the segment's. Every row of D values is stored as Q = ceil(D/4) vec4s, the surplus zero.
//
// A matrix and what Adam keeps of it are planes of one buffer: W `[latents, Q]`, then v, then (with momentum) m.

const MAX_RUNS = 64u;

// One SAE of the sweep. Rewritten by the host before each step; between the passes of a step `settle.wgsl` puts what the batch decides
// into lambda, aux_weight and clip. 240 bytes.
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
  main_slot : u32,       // block of `residuals` that holds e = x_hat - x (of a nested run: the first of one a prefix, `slot_of`)
  aux_slot : u32,        // block of `residuals` that holds the auxiliary error, when the architecture has one
  before : u32,          // latents of the run in earlier segments
  flags : u32,           // below
  mate : u32,            // rows from a latent's to that of its second encoder matrix; 0 without one
  clip : f32,            // factor on every gradient of this step; 1 without clipping
  clip_norm : f32,       // greatest norm of all gradients together; 0: no clipping
  aux_weight : f32,      // weight of the auxiliary loss
  threshold : f32,       // of inference, where a selection trained; -1: none yet
  power : f32,           // exponent of an annealed penalty …
  next_power : f32,      // … and the one after it
  parts : u32,           // prefixes of a nested reconstruction; 1 without nesting
  k : u32,               // latents that a selection keeps a row (batch: on average)
  step : u32,            // steps done before this one
  anneal : u32,          // 1: p changes after this step
  queue : u32,           // steps over which the coefficient of an annealed penalty is formed
  target_l0 : f32,       // L0 that the sparsity term aims at; 0: none
  scores : u32,          // first of the run's tiles in `scores` (select/walk.wgsl)
  k_aux : u32,           // latents that AuxK takes a row at most
  dead_after : f32,      // rows without firing after which a latent is dead
  decay : f32,           // of the threshold of inference: share that the former one keeps …
  start : u32,           // … and the step after which it is formed
  options : vec4<f32>,   // the architecture's, in the table's order: numbers as they are, choices by their place
  more : vec4<f32>,      // the fifth to the eighth
  ends : vec4<f32>,      // nested: latents of each prefix, rising, those that are not there as the last
  more_ends : vec4<f32>,
  weights : vec4<f32>,   // nested: weight of each prefix's error in the loss
  more_weights : vec4<f32>,
}

// What a run's architecture and options say of it.
const AUX = 0x1u;           // an auxiliary path decodes `gate`
const AUX_TRAINED = 0x2u;   // … and trains the decoder
const AUX_ERROR = 0x4u;     // … to the error of the main path, without b_dec (AuxK)
const UNIT = 0x8u;          // decoder rows are held at norm 1: their gradient loses its component along the row, a step ends with dividing by the norm
const PRE_BIAS = 0x10u;     // the encoder sees x - b_dec, not x
const NORMS = 0x20u;        // formulas use the norms of the decoder's rows
const FIRES = 0x40u;        // f != 0 wherever a latent is touched
const FIXED_ENC = 0x80u;    // what does not learn: W_enc, W_dec, b_dec, the vectors
const FIXED_DEC = 0x100u;
const FIXED_BIAS = 0x200u;
const FIXED_X = 0x400u;
const FIXED_Y = 0x800u;
const FIXED_Z = 0x1000u;
const SELECTS_ROW = 0x2000u;   // of each row the k largest activations are kept
const SELECTS_BATCH = 0x4000u; // of a batch of B rows the B·k largest
const EVALUATES = 0x8000u;     // inference: no gradients, and no auxiliary path to the error
const ANNEALS = 0x10000u;      // the exponent of the penalty falls

fn is(run : Run, flag : u32) -> bool {
  return (run.flags & flag) != 0u;
}

// Prefixes that end before the run's latent `i` (counted in all segments): the place of the first one that holds it.
fn part_of(run : Run, i : u32) -> u32 {
  if (run.parts <= 1u) {
    return 0u;
  }
  let inside = select(vec4(0u), vec4(1u), run.ends <= vec4(f32(i))) + select(vec4(0u), vec4(1u), run.more_ends <= vec4(f32(i)));
  return min(inside.x + inside.y + inside.z + inside.w, run.parts - 1u);
}

// Latents of prefix `part`, and its weight.
fn end_of(run : Run, part : u32) -> u32 {
  return u32(select(run.more_ends[part % 4u], run.ends[part % 4u], part < 4u));
}

fn weight_of(run : Run, part : u32) -> f32 {
  return select(run.more_weights[part % 4u], run.weights[part % 4u], part < 4u);
}

// What the encoder's input lacks beside the centred x that all runs share: it sees x - b_dec, or x itself.
fn shift_of(run : Run, bias : vec4<f32>, mean : vec4<f32>) -> vec4<f32> {
  return select(vec4(0.0), bias, is(run, PRE_BIAS)) - mean;
}

struct Runs {
  run : array<Run, MAX_RUNS>,
}

// Per-latent parameters, `latent_params`, planes of `latents` vec4s each:
//  0  xyz in the order of the architecture table's `vectors`, w = index of the owning run
//  1  xyz second moments of those, w = correction c (correction.wgsl)
//  2  x = rows on which the latent fired (f != 0) since the host reset it, y = norm of its decoder row (where NORMS), z = square of its
//     gradient's norm (where clipped), w = rows of the last batch on which it fired
//  3  xyz first moments, with momentum only
alias Latent = vec4<f32>;

// What an architecture sees of one (row, latent).
struct Point {
  u : f32,      // pre-activation by W_enc, without bias
  second : f32, // by the second encoder matrix; 0 without one
  norm : f32,   // of the latent's decoder row; 1 unless NORMS
}

// What one (row, latent) gives, all of it 0 where the latent is not touched.
struct Activation {
  f : f32,       // what the decoder sees
  gate : f32,    // what the auxiliary decoder sees
  penalty : f32, // what the sparsity term sums
  extra : f32,   // a second sum that the architecture wants
}

// Gradients of one row's loss.
struct Backward {
  u : f32,             // dL/du
  second : f32,        // dL/d(second)
  norm : f32,          // dL/d(norm), 0 where it is not to learn
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
const STATS = 10u;
const STAT_ERROR = 0u;   // ‖e‖²
const STAT_AUX = 1u;     // ‖e_aux‖²
const STAT_PENALTY = 2u; // sum of penalty, before lambda
const STAT_L0 = 3u;      // latents with f != 0
const STAT_HAT = 4u;     // ‖x_hat‖²
const STAT_CROSS = 5u;   // x_hat·x
const STAT_X = 6u;       // ‖x‖²
const STAT_COSINE = 7u;  // of x_hat and x, formed by reduce_stats.wgsl
const STAT_EXTRA = 8u;   // sum of extra
const STAT_NESTED = 9u;  // weighted sum of the prefixes' ‖e‖²; ‖e‖² without nesting

// What a run keeps from step to step, `run_state`, [R, STATE]: -1 in `threshold` means none yet.
const STATE = 32u;
const STATE_COEFFICIENT = 0u; // factor on lambda that an annealed penalty has come to
const STATE_THRESHOLD = 1u;   // of inference
const STATE_DEAD = 2u;        // dead latents
const STATE_CLIP = 3u;        // factor on the gradients of the last step
const STATE_NORM = 4u;        // norm of its gradients before that
const STATE_AUX = 5u;         // weight of the auxiliary loss in the last step
const STATE_LAMBDA = 6u;      // lambda of the last step as it was used
const STATE_K_AUX = 7u;       // latents that AuxK may take a row
const STATE_QUEUED = 8u;      // entries of the queue of pairs that follows, the latest in place (steps so far - 1) % QUEUE
const STATE_QUEUE = 9u;
const QUEUE = 10u;
const STATE_SQUARES = 29u;    // sum over latents of the square of their firing frequency in the last batch
