// A deep dense network on MNIST whose layers weigh very differently, though it computes the same: with equi-normalization, without, with batch norm.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save, trainWithCurve } from './mnist/example.mjs';
import { accuracyOf, percent } from './mnist/train.mjs';

const options = new Command('npm run example -- enorm')
  .description('Train deep dense networks with balanced and with unbalanced weights.')
  .option('--depth <count>', 'hidden layers, an odd number', Number, 7)
  .option('--units <count>', 'units of a hidden layer', Number, 128)
  .option('--unbalance <factor>', 'what every second layer is multiplied with', Number, 8)
  .option('--images <count>', 'training images', Number, 16000)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('enorm', options, ['depth', 'units', 'images']);
if (options.depth % 2 === 0 || !(options.unbalance > 0)) {
  console.error(
    `enorm: --depth must be odd and --unbalance above 0, got '${options.depth}' and '${options.unbalance}'`,
  );
  process.exit(1);
}

const BATCH_SIZE = 64;
const LEARNING_RATE = 0.05;
const EVALUATIONS = 12;
const QUICK_TEST_IMAGES = 2000;

const NETWORKS = [
  { label: 'balanced', unbalance: 1 },
  { label: 'unbalanced', unbalance: options.unbalance },
  { label: 'unbalanced, ENorm', unbalance: options.unbalance, equi: true },
  { label: 'balanced, ENorm', unbalance: 1, equi: true },
  { label: 'batch norm', unbalance: 1, batchNorm: true },
];

/** Layers times `unbalance` and divided by it in turn: what the network computes is the same. */
function networkOf({ unbalance, batchNorm }) {
  let seed = 1;
  const dense = (units, extra = {}) => {
    const gain = unbalance ** (seed % 2 === 1 ? 1 : -1);
    const kernelInitializer = tf.initializers.varianceScaling({
      scale: 2 * gain ** 2,
      mode: 'fanIn',
      distribution: 'uniform',
      seed: seed++,
    });
    return tf.layers.dense({ units, kernelInitializer, ...extra });
  };
  const hidden = () => [
    dense(options.units),
    ...(batchNorm ? [norm.layers.batchNormalization({ momentum: 0.9 })] : []),
    tf.layers.reLU(),
  ];
  const model = tf.sequential({
    layers: [
      tf.layers.flatten({ inputShape: [28, 28, 1] }),
      ...Array.from({ length: options.depth }, hidden).flat(),
      dense(10, { activation: 'softmax' }),
    ],
  });
  model.compile({
    optimizer: tf.train.sgd(LEARNING_RATE),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

const mnist = loadMnist();
const testSet = firstOf(tf, mnist.test, mnist.test.count);
const quickTestSet = firstOf(tf, mnist.test, QUICK_TEST_IMAGES);

/** The largest difference that a step makes to the predictions of a model. */
function differenceOf(model, step) {
  return tf.tidy(() => {
    const before = model.predict(quickTestSet.x);
    step();
    return tf.max(tf.abs(tf.sub(model.predict(quickTestSet.x), before))).dataSync()[0];
  });
}

async function run(network, bar) {
  const model = networkOf(network);
  const equi = network.equi && new norm.EquiNormalization(model, { order: 'redblack' });
  const difference = equi ? differenceOf(model, () => equi.step()) : undefined;
  const { seconds, points } = await trainWithCurve(model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    evaluations: EVALUATIONS,
    testSet: quickTestSet,
    label: network.label,
    bar,
    onStep: () => equi?.step(),
  });
  const accuracy = accuracyOf(tf, model, testSet);
  equi?.dispose();
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, accuracy, difference, seconds, points };
}

const device = announce(
  `${options.depth} hidden layers of ${options.units} units, ReLU, plain SGD at ${LEARNING_RATE}, ${options.images} images; ` +
    `unbalanced: every second layer times ${options.unbalance}, the others divided by it`,
);
const results = await runAll(NETWORKS, () => Math.floor(options.images / BATCH_SIZE), run);

console.log('\n  network               test accuracy   predictions moved by the first step');
for (const { label, accuracy, difference } of results) {
  console.log(
    `  ${label.padEnd(20)} ${percent(accuracy).padStart(14)}   ${difference?.toExponential(1) ?? ''}`,
  );
}
const [balanced, unbalanced, saved, both, batch] = results.map(({ accuracy }) => percent(accuracy));
console.log(
  `\nThe unbalanced network, which computes the same at the start as the balanced one (${balanced}), ends at ${unbalanced} with SGD alone ` +
    `and at ${saved} with equi-normalization; on the balanced one that makes ${both}, and batch norm ${batch}.`,
);

const title = `MNIST test accuracy (2,000 images), ${options.depth + 1} dense layers, plain SGD`;
save(options.output, 'enorm', 'Accuracy curves', accuracyChart(title, results), {
  device,
  options,
  results,
});
