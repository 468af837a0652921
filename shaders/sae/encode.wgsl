// Epilogue of the encoder matmul (core: shaders/matmul): u = x W_encᵀ - c of the whole sweep, of which only the active set is kept, a bit a
// (row, latent). Pre-activations are not stored: whoever needs u of an active latent forms that one dot product again. With KEEP_FIRST u of
// the first bit of each word is kept, which at usual sparsity is nearly all there is.
//
// With SCORES runs that select keep u + b_enc where it is positive, 0 elsewhere, in `scores`, and a bit where it is above the row's
// floor (select/floors.wgsl); u of the first bits is then the selection's to keep.
//
// Padding latents and rows beyond the batch come out as 0, whatever the architecture; words of padding alone, and blocks of a run that is not
// live, are left as they were. `x_at` and the kernel's name come from encode_x32.wgsl or encode_x16.wgsl.
// needs: sae/common, architectures

override KEEP_FIRST : bool = false;
override SCORES : bool = false;

struct Params {
  rows : u32,
  quads : u32,        // Q
  latents : u32,      // of the segment
  row_groups : u32,   // ceil(rows of the buffer/4)
  from_latent : u32,  // this dispatch works on the latents [from_latent, to_latent)
  to_latent : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(3) var<storage, read> w_enc : array<vec4<f32>>; // W_enc, first plane
@group(0) @binding(4) var<storage, read> latent_params : array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> active_set : Active;
@group(0) @binding(6) var<storage, read_write> scores : array<vec4<f32>>; // tiles as in select/walk.wgsl
@group(0) @binding(7) var<storage, read> floors : array<vec4<f32>>;       // [R, row_groups]

fn sizes() -> vec3<u32> {
  return vec3(params.rows, params.to_latent - params.from_latent, params.quads);
}

fn a_row(row : u32) -> u32 {
  return row * params.quads;
}

fn a_at(i : u32) -> vec4<f32> {
  return x_at(i);
}

fn b_row(column : u32) -> u32 {
  return (params.from_latent + column) * params.quads;
}

fn b_at(i : u32) -> vec4<f32> {
  return w_enc[i];
}

// Rows of a second encoder matrix are of use only where their latent is touched.
fn wanted(row : u32, column : u32) -> bool {
  let i = params.from_latent + column;
  let run = runs.run[u32(latent_params[i].w)];
  return run.live != 0u && i < run.first + run.width;
}

// What selecting runs keep of four latents on one row.
fn score_of(products : vec4<f32>, bias : vec4<f32>, is_latent : vec4<bool>, is_row : bool) -> vec4<f32> {
  let a = products + bias;
  return select(vec4(0.0), a, (a > vec4(0.0)) & is_latent & vec4(is_row));
}

fn finish(row : u32, column : u32, r0 : vec4<f32>, r1 : vec4<f32>, r2 : vec4<f32>, r3 : vec4<f32>) {
  let i = params.from_latent + column;
  // A run begins at a multiple of 8: the four latents are one run's.
  let latents = mat4x4(latent_params[i], latent_params[i + 1u], latent_params[i + 2u], latent_params[i + 3u]);
  let run = runs.run[u32(latents[0].w)];
  let is_latent = vec4(i, i + 1u, i + 2u, i + 3u) < vec4(run.first + run.width);
  let c = params.latents + i;
  let correction = vec4(latent_params[c].w, latent_params[c + 1u].w, latent_params[c + 2u].w, latent_params[c + 3u].w);
  let is_row = vec4(row, row + 1u, row + 2u, row + 3u) < vec4(params.rows);
  var a : vec4<bool>;
  var b : vec4<bool>;
  var d : vec4<bool>;
  var e : vec4<bool>;
  let selects = SCORES && is(run, SELECTS_ROW | SELECTS_BATCH);
  if (selects) {
    let bias = vec4(latents[0].x, latents[1].x, latents[2].x, latents[3].x);
    let s = transpose(mat4x4(
      score_of(r0 - correction, bias, is_latent, is_row.x),
      score_of(r1 - correction, bias, is_latent, is_row.y),
      score_of(r2 - correction, bias, is_latent, is_row.z),
      score_of(r3 - correction, bias, is_latent, is_row.w),
    ));
    let at = 4u * (run.scores + (row / 4u) * ((run.width + 3u) / 4u) + (i - run.first) / 4u);
    scores[at] = s[0];
    scores[at + 1u] = s[1];
    scores[at + 2u] = s[2];
    scores[at + 3u] = s[3];
    let floor = floors[u32(latents[0].w) * params.row_groups + row / 4u];
    let rows = transpose(s);
    a = rows[0] > vec4(floor.x);
    b = rows[1] > vec4(floor.y);
    d = rows[2] > vec4(floor.z);
    e = rows[3] > vec4(floor.w);
  } else {
    a = touched_four(run, r0 - correction, latents) & is_latent & vec4(is_row.x);
    b = touched_four(run, r1 - correction, latents) & is_latent & vec4(is_row.y);
    d = touched_four(run, r2 - correction, latents) & is_latent & vec4(is_row.z);
    e = touched_four(run, r3 - correction, latents) & is_latent & vec4(is_row.w);
  }
  let nibbles = vec4<u32>(a) | (vec4<u32>(b) << vec4(1u)) | (vec4<u32>(d) << vec4(2u)) | (vec4<u32>(e) << vec4(3u));
  let word = nibbles.x | (nibbles.y << 4u) | (nibbles.z << 8u) | (nibbles.w << 12u);
  let groups = params.latents / 4u;
  active_set.words[(row / 4u) * groups + i / 4u] = word;
  active_set.words[params.row_groups * groups + (i / 4u) * params.row_groups + row / 4u] = word;
  if (KEEP_FIRST && !selects) {
    // Without any bit it is some value that nobody reads.
    let bit = firstTrailingBit(word) % 16u;
    let k = bit % 4u;
    let products = select(select(r3, r2, k == 2u), select(r1, r0, k == 0u), k < 2u);
    active_set.words[(2u * params.row_groups + row / 4u) * groups + i / 4u] = bitcast<u32>((products - correction)[bit / 4u]);
  }
}
