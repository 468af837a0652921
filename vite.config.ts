import { defineConfig, type Plugin } from 'vite';

/** "Your data cannot leave this page", enforced by the browser. Only in builds: the dev server needs inline scripts and a socket. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "worker-src 'self'",
  "connect-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [{ tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: CSP }, injectTo: 'head-prepend' }],
  };
}

export default defineConfig({
  base: './',
  plugins: [contentSecurityPolicy()],
  worker: { format: 'es' },
  // The benchmark's peers, which the dev server would otherwise find during the first run, and reload the page.
  optimizeDeps: {
    include: [
      '@jax-js/jax',
      '@tensorflow/tfjs-backend-webgpu',
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-core/dist/register_all_gradients',
    ],
  },
  build: {
    target: 'esnext',
    modulePreload: { polyfill: false },
    // Plotly is one lazy file of 1.2 MB that nothing on the first screen waits for.
    chunkSizeWarningLimit: 1300,
  },
});
