// What an architecture sees of a latent, in the kernels that bind `latent_params`. `params` is the kernel's own; of it latents is used here.

override SECOND : bool = false;

// What the architecture sees of latent i: dot products with the centred row, less what b_dec lacks of the mean.
fn point_of(run : Run, i : u32, products : vec2<f32>) -> Point {
  var at = Point(products.x - latent_params[params.latents + i].w, 0.0, 1.0);
  if (SECOND && run.mate > 0u) {
    at.second = products.y - latent_params[params.latents + i + run.mate].w;
  }
  if (is(run, NORMS)) {
    at.norm = latent_params[2u * params.latents + i].y;
  }
  return at;
}
