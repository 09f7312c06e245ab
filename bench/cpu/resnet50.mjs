// ResNet-50's kernels.

const STAGES = [
  { width: 64, blocks: 3 },
  { width: 128, blocks: 4 },
  { width: 256, blocks: 6 },
  { width: 512, blocks: 3 },
];

/**
 * The shapes of the stem, of the three convolutions of every block and of the classifier, each with the outputs of the one
 * before as inputs: 22.7 million values.
 */
export function resnet50Chain() {
  const chain = [[7, 7, 3, 64]];
  for (const { width, blocks } of STAGES) {
    for (let block = 0; block < blocks; block++) {
      const channels = chain.at(-1).at(-1);
      chain.push([1, 1, channels, width], [3, 3, width, width], [1, 1, width, 4 * width]);
    }
  }
  chain.push([chain.at(-1).at(-1), 1000]);
  return chain;
}

/** Those and the shortcuts of the first block of each stage: 54 kernels, 25.5 million values. */
export function resnet50Kernels() {
  let channels = 64;
  const shortcuts = STAGES.map(({ width }) => {
    const shape = [1, 1, channels, 4 * width];
    channels = 4 * width;
    return shape;
  });
  return [...resnet50Chain(), ...shortcuts];
}
