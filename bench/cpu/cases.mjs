// What `npm run bench` times, channels-last float32, and the targets on the first shape as multiples of x.add(0).

export const TARGETS = {
  layer: { forward: 1.1, backward: 1.7 },
  rms: { forward: 1.1, backward: 1.7 },
  group: { forward: 1.4, backward: 2.4 },
  instance: { forward: 1.4, backward: 2.4 },
  batch: { forward: 1.5, backward: 2.4 },
  // 1.25 times batch norm.
  switchable: { forward: 1.9, backward: 3 },
  inference: { forward: 0.9 },
};

const image = ['batch', 'inference', 'group', 'instance', 'switchable', 'layer', 'rms'];
const rows = ['layer', 'rms', 'batch'];

/** Largest first; down to 1 KB. */
export const CASES = [
  { shape: [16, 56, 56, 256], norms: image, headline: true },
  { shape: [8, 112, 112, 64], norms: image },
  { shape: [32, 14, 14, 256], norms: image },
  { shape: [2, 64, 64, 320], norms: image },
  { shape: [32, 7, 7, 512], norms: image },
  { shape: [8192, 768], norms: rows },
  { shape: [128, 4096], norms: rows },
  { shape: [8, 16, 16, 64], norms: image },
  { shape: [2, 8, 8, 64], norms: image },
  { shape: [32, 64], norms: rows },
  { shape: [1, 4, 4, 16], norms: image },
  { shape: [8, 32], norms: rows },
];

export const QUICK_CASES = [CASES[0], CASES[7], CASES[10]];

export const groupsOf = (shape) => Math.min(32, shape.at(-1) / 2);

export const kilobytes = (shape) => (shape.reduce((a, b) => a * b, 1) * 4) / 1024;
