// Dense form, second half of b_dec's gradient, through the encoder's x - b_dec: grad_b_dec[r] -= sum_i s_i W_enc_i with s_i = mean_b g_u.
// It is not stopped in the auxiliary term (paper App. G; dictionary_learning does the same). One workgroup of 16 columns x 16 latent lanes
// a (16 vec4 columns, run); grid (ceil(Q/16), R). Fixed order of summation. Must run before adam_rows changes W_enc. Runs whose
// encoder does not see b_dec are skipped.
// needs: sae/common

struct Params {
  quads : u32, // Q
}

@group(0) @binding(0) var<uniform> params : Params;
@group(0) @binding(1) var<uniform> runs : Runs;
@group(0) @binding(2) var<storage, read> w_enc : array<vec4<f32>>;            // W_enc, first plane
@group(0) @binding(3) var<storage, read> latent_grads : array<vec4<f32>>;     // [latents]: w = s_i
@group(0) @binding(4) var<storage, read> active_set : Active;
@group(0) @binding(5) var<storage, read_write> grad_b_dec : array<vec4<f32>>; // [R, Q]

var<workgroup> lanes : array<vec4<f32>, 256>;

@compute @workgroup_size(16, 16)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_id) t : vec3<u32>) {
  let run = runs.run[group.y];
  if (!takes_part(run, active_set.form[group.y], DENSE) || !is(run, PRE_BIAS)) {
    return;
  }
  let q = group.x * 16u + t.x;
  var sum = vec4(0.0);
  if (q < params.quads) {
    for (var i = t.y; i < run.width; i += 16u) {
      let latent = run.first + i;
      sum += latent_grads[latent].w * w_enc[latent * params.quads + q];
      if (run.mate > 0u) {
        sum += latent_grads[latent + run.mate].w * w_enc[(latent + run.mate) * params.quads + q];
      }
    }
  }
  lanes[t.y * 16u + t.x] = sum;
  workgroupBarrier();
  if (t.y == 0u && q < params.quads) {
    for (var lane = 1u; lane < 16u; lane++) {
      sum += lanes[lane * 16u + t.x];
    }
    grad_b_dec[group.y * params.quads + q] -= sum;
  }
}
