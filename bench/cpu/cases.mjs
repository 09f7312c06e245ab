// The shapes that `npm run bench` times, channels-last float32.

/** Largest first; down to 1 KB. `kind`: the norms whose entry has it among its shapes are timed. */
export const CASES = [
  { shape: [16, 56, 56, 256], kind: 'image' },
  { shape: [8, 112, 112, 64], kind: 'image' },
  { shape: [32, 14, 14, 256], kind: 'image' },
  { shape: [2, 64, 64, 320], kind: 'image' },
  { shape: [32, 7, 7, 512], kind: 'image' },
  { shape: [8192, 768], kind: 'rows' },
  { shape: [128, 4096], kind: 'rows' },
  { shape: [8, 16, 16, 64], kind: 'image' },
  { shape: [2, 8, 8, 64], kind: 'image' },
  { shape: [32, 64], kind: 'rows' },
  { shape: [1, 4, 4, 16], kind: 'image' },
  { shape: [8, 32], kind: 'rows' },
];

export const QUICK_CASES = [CASES[0], CASES[7], CASES[10]];

export const groupsOf = (shape) => Math.min(32, shape.at(-1) / 2);

export const kilobytes = (shape) => (shape.reduce((a, b) => a * b, 1) * 4) / 1024;
