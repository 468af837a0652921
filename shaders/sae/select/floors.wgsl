// Before the encoder: above which score each row's candidates lie, [2 R + 1, row_groups] of four rows each. What selections leave of a batch
// says where the next one's will be (note.wgsl); the selection is exact whatever the floor. Of runs that select by row, and of dead latents, it
// goes with the row's norm; the norms are the last plane. 0: every positive score is a candidate.
// One workgroup of INVOCATIONS a group of 4 rows; grid (ceil(rows/4)).
// needs: sae/common, sae/select/state

override INVOCATIONS : u32 = 64u;

struct Params {
  rows : u32,
  quads : u32,      // Q
  row_groups : u32, // ceil(rows of the buffer/4)
  runs : u32,       // R
  lanes : u32,      // INVOCATIONS, as a number no compiler knows (see sae/latent_update)
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> x : array<vec4<f32>>; // [B, Q]
@group(0) @binding(3) var<storage, read> selection : array<u32>;
@group(0) @binding(4) var<storage, read_write> floors : array<vec4<f32>>;

var<workgroup> partial : array<vec4<f32>, INVOCATIONS>;

fn square(row : u32, q : u32) -> f32 {
  let value = x[min(row, params.rows - 1u) * params.quads + q];
  return dot(value, value);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) t : u32) {
  let g = group.x;
  var own = vec4(0.0);
  for (var q = t; q < params.quads; q += INVOCATIONS) {
    own += vec4(square(4u * g, q), square(4u * g + 1u, q), square(4u * g + 2u, q), square(4u * g + 3u, q));
  }
  partial[t] = own;
  workgroupBarrier();
  var squares = vec4(0.0);
  for (var other = 0u; other < params.lanes; other++) {
    squares += partial[other];
  }
  let norms = sqrt(squares);
  for (var r = t; r < params.runs; r += INVOCATIONS) {
    let floor = bitcast<f32>(selection[r * SELECTION + FLOOR]);
    let of_dead = bitcast<f32>(selection[r * SELECTION + DEAD_FLOOR]);
    floors[r * params.row_groups + g] = floor * select(norms, vec4(1.0), is(runs.run[r], SELECTS_BATCH));
    floors[(params.runs + r) * params.row_groups + g] = of_dead * norms;
  }
  if (t == 0u) {
    floors[2u * params.runs * params.row_groups + g] = norms;
  }
}
