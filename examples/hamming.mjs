// Generalized Hamming networks on MNIST beside ordinary ones, without and with batch norm, at large and small learning rates.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save, trainWithCurve } from './mnist/example.mjs';
import { accuracyOf, percent } from './mnist/train.mjs';

const options = new Command('npm run example -- hamming')
  .description('Train the same small convolutional network by distances and by products.')
  .option('--images <count>', 'training images of a run', Number, 8000)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('hamming', options, ['images']);

const BATCH_SIZE = 64;
const LEARNING_RATES = [0.1, 0.01, 0.001];
const EVALUATIONS = 8;
const QUICK_TEST_IMAGES = 2000;
const GEOMETRY = { kernelSize: 5, strides: 2 };

/** Three hidden layers, and one whose outputs are logits. */
function hammingLayers(initializer, output) {
  const { hammingConv2d, hammingDense } = norm.layers;
  let seed = 1;
  const hidden = () => ({
    threshold: 'relu',
    output,
    kernelInitializer: initializer({ seed: seed++ }),
  });
  return [
    hammingConv2d({ filters: 8, ...GEOMETRY, ...hidden(), inputShape: [28, 28, 1] }),
    hammingConv2d({ filters: 16, ...GEOMETRY, ...hidden() }),
    tf.layers.flatten(),
    hammingDense({ units: 64, ...hidden() }),
    hammingDense({ units: 10, ...hidden(), threshold: 'none', output: 'raw' }),
  ];
}

function ordinaryLayers(makeNorm) {
  let seed = 1;
  const start = () => ({ kernelInitializer: norm.initializers.heNormal({ seed: seed++ }) });
  const { conv2d, dense, flatten, reLU } = tf.layers;
  const normed = (layer) => [layer, ...makeNorm(), reLU()];
  return [
    ...normed(conv2d({ filters: 8, ...GEOMETRY, ...start(), inputShape: [28, 28, 1] })),
    ...normed(conv2d({ filters: 16, ...GEOMETRY, ...start() })),
    flatten(),
    ...normed(dense({ units: 64, ...start() })),
    dense({ units: 10, ...start() }),
  ];
}

const { glorotNormal, hamming } = norm.initializers;
const NETWORKS = [
  { label: 'Hamming', layers: () => hammingLayers(hamming, 'distance') },
  { label: 'Hamming, Glorot', layers: () => hammingLayers(glorotNormal, 'similarity') },
  { label: 'products', layers: () => ordinaryLayers(() => []) },
  {
    label: 'batch norm',
    layers: () => ordinaryLayers(() => [norm.layers.batchNormalization({ momentum: 0.9 })]),
  },
];

const mnist = loadMnist();
const testSet = firstOf(tf, mnist.test, mnist.test.count);
const quickTestSet = firstOf(tf, mnist.test, QUICK_TEST_IMAGES);

async function run({ label, layers, rate }, bar) {
  const model = tf.sequential({ layers: [...layers(), tf.layers.softmax()] });
  model.compile({
    optimizer: tf.train.adam(rate),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  const { seconds, points } = await trainWithCurve(model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    evaluations: EVALUATIONS,
    testSet: quickTestSet,
    label: `${label}, rate ${rate}`,
    bar,
  });
  const accuracy = accuracyOf(tf, model, testSet);
  const parameters = model.countParams();
  model.optimizer.dispose();
  model.dispose();
  return { label, rate, accuracy, parameters, seconds, points };
}

const device = announce(`${options.images} images a run, Adam`);
const runs = NETWORKS.flatMap((network) => LEARNING_RATES.map((rate) => ({ ...network, rate })));
const results = await runAll(runs, () => Math.floor(options.images / BATCH_SIZE), run);

const accuracyAt = (label, rate) =>
  results.find((one) => one.label === label && one.rate === rate).accuracy;
console.log('\n  test accuracy at learning rate');
console.log(
  `  ${''.padEnd(16)} ${LEARNING_RATES.map((rate) => String(rate).padStart(9)).join(' ')}`,
);
for (const { label } of NETWORKS) {
  const row = LEARNING_RATES.map((rate) => percent(accuracyAt(label, rate)).padStart(9));
  console.log(`  ${label.padEnd(16)} ${row.join(' ')}`);
}

const [largest] = LEARNING_RATES;
const bestOf = (label) => Math.max(...LEARNING_RATES.map((rate) => accuracyAt(label, rate)));
console.log(
  `\nAt the large rate of ${largest}, the paper's, distances reach ${percent(accuracyAt('Hamming', largest))}, the same network of ` +
    `products ${percent(accuracyAt('products', largest))}, with batch norm ${percent(accuracyAt('batch norm', largest))}; each at its best ` +
    `rate here: ${percent(bestOf('Hamming'))}, ${percent(bestOf('products'))}, ${percent(bestOf('batch norm'))}.`,
);

const title = `MNIST test accuracy (2,000 images), Adam at rate ${largest}`;
save(
  options.output,
  'hamming',
  'Accuracy curves',
  accuracyChart(
    title,
    results.filter(({ rate }) => rate === largest),
  ),
  { device, options, results },
);
