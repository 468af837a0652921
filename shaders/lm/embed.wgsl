// Token embedding, plus the learned position embedding where the model has one.
//
//   out[r, c] = embedding[tokens[r], c] + (has_positions ? positions[r mod T, c] : 0)
//
// params     sizes of this dispatch
// tokens     [rows]        u32, each below the whole vocabulary (checked by the host)
// embedding  [part, width] f32: rows first .. first + part of the embedding matrix, which may be split over buffers
// positions  [>= T, width] f32, or any buffer when has_positions = 0
// result     [rows, width] f32; only rows whose token lies in this part are written, so one dispatch a part fills it
//
// Dispatch: one invocation an element, workgroups folded into x and y; surplus invocations return.
override WG : u32 = 64u;

struct Params {
  rows : u32,
  width : u32,
  sequence : u32,
  first : u32,
  part : u32,
  has_positions : u32,
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<storage, read> tokens : array<u32>;
@group(0) @binding(2) var<storage, read> embedding : array<f32>;
@group(0) @binding(3) var<storage, read> positions : array<f32>;
@group(0) @binding(4) var<storage, read_write> result : array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(num_workgroups) groups : vec3<u32>, @builtin(local_invocation_id) local : vec3<u32>) {
  let i = (group.x + group.y * groups.x) * WG + local.x;
  if (i >= params.rows * params.width) {
    return;
  }
  let row = i / params.width;
  let column = i % params.width;
  let token = tokens[row] - params.first; // wraps above any part when the token comes before it
  if (token >= params.part) {
    return;
  }
  var value = embedding[token * params.width + column];
  if (params.has_positions != 0u) {
    value += positions[(row % params.sequence) * params.width + column];
  }
  result[i] = value;
}
