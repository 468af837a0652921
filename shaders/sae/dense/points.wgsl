// What activate.wgsl and backward.wgsl see of four rows of one latent. `params`, `pre_acts`, `latent_params` and `active_set` are the kernel's.

override SECOND : bool = false;

struct Four {
  u : vec4<f32>,
  second : vec4<f32>,
  norm : f32,
  selected : vec4<bool>, // what a selection has kept; all where there is none
}

// Rows 4·quad … of the block, of latent i.
fn four_rows(run : Run, i : u32, quad : u32) -> Four {
  var four = Four(pre_acts[i * params.stride + quad], vec4(0.0), 1.0, vec4(true));
  if (SECOND && run.mate > 0u) {
    four.second = pre_acts[(i + run.mate) * params.stride + quad];
  }
  if (is(run, NORMS)) {
    four.norm = latent_params[2u * params.latents + i].y;
  }
  if (is(run, SELECTS_ROW | SELECTS_BATCH)) {
    let groups = params.latents / 4u;
    let word = active_set.words[params.row_groups * groups + (i / 4u) * params.row_groups + params.first_row / 4u + quad];
    four.selected = (vec4(word >> (4u * (i % 4u))) & vec4(1u, 2u, 4u, 8u)) != vec4(0u);
  }
  return four;
}
