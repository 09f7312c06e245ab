// A 50-layer residual network on MNIST without any normalization layer: Fixup's initialization, and He's for the same network.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save, trainWithCurve } from './mnist/example.mjs';
import { accuracyOf, percent } from './mnist/train.mjs';

const options = new Command('npm run example -- fixup')
  .description('Train one deep residual network twice, with weights that differ at the start.')
  .option('--depth <count>', 'layers, 6n + 2', Number, 50)
  .option('--filters <count>', 'channels of the first stage', Number, 8)
  .option('--images <count>', 'training images', Number, 12800)
  .option('--rate <number>', 'learning rate', Number, 0.1)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('fixup', options, ['depth', 'filters', 'images']);
if (!(options.rate > 0 && options.rate < Infinity)) {
  console.error(`fixup: --rate must be a number above 0, got '${options.rate}'`);
  process.exit(1);
}

const BATCH_SIZE = 64;
const MOMENTUM = 0.9;
const EVALUATIONS = 10;
const QUICK_TEST_IMAGES = 500;
const TEST_IMAGES = 2000;
const SIDE = 14;

// Of the pixels of the training images.
const PIXELS = { mean: 0.1307, deviation: 0.3081 };

/** Standardized digits of 14 x 14 pixels, means of 2 x 2, which 50 layers get through in seconds on a processor. */
function smaller(batch) {
  const x = tf.tidy(() =>
    tf.avgPool(batch.x, 2, 2, 'valid').sub(PIXELS.mean).div(PIXELS.deviation),
  );
  batch.x.dispose();
  return { x, y: batch.y };
}

/** The network as `fixupResNet` makes it, or with He's deviation, sqrt(2 / fan-in), in every kernel, whatever the depth. */
function networkOf({ he }) {
  const model = norm.fixupResNet({
    depth: options.depth,
    filters: options.filters,
    inputShape: [SIDE, SIDE, 1],
    seed: 1,
  });
  if (he) {
    let seed = 1;
    for (const weight of model.weights.filter(({ shape }) => shape.length > 1)) {
      const value = norm.initializers.heNormal({ seed: seed++ }).apply(weight.shape);
      weight.write(value);
      value.dispose();
    }
  }
  const groups = norm.optimizers.fixupGroups({ weightDecay: 5e-4 });
  model.compile({
    optimizer: norm.optimizers.withGroups(tf.train.momentum(options.rate, MOMENTUM), groups),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

const NETWORKS = [
  { label: 'Fixup', he: false },
  { label: 'He', he: true },
];

const mnist = loadMnist();
const batchOfFirst = (split, count) => smaller(firstOf(tf, split, count));
const testSet = batchOfFirst(mnist.test, TEST_IMAGES);
const quickTestSet = batchOfFirst(mnist.test, QUICK_TEST_IMAGES);

/** The standard deviation of what the last block gives, before training. */
function lastDeviation(model) {
  const output = model.layers.findLast(
    (layer) => layer.getClassName() === 'FixupBasicBlock',
  ).output;
  const until = tf.model({ inputs: model.inputs, outputs: output });
  return tf.tidy(() => {
    const { variance } = tf.moments(until.predict(quickTestSet.x));
    return Math.sqrt(variance.dataSync()[0]);
  });
}

async function run(network, bar) {
  const model = networkOf(network);
  const start = lastDeviation(model);
  const losses = [];
  const { seconds, points } = await trainWithCurve(model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    prepare: smaller,
    evaluations: EVALUATIONS,
    testSet: quickTestSet,
    label: network.label,
    bar,
    onStep: (_step, _steps, loss) => losses.push(loss),
  });
  const accuracy = accuracyOf(tf, model, testSet);
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, accuracy, seconds, start, losses, points };
}

const device = announce(
  `${options.depth} layers, ${options.images} images, learning rate ${options.rate}, no normalization`,
);
const results = await runAll(NETWORKS, () => Math.floor(options.images / BATCH_SIZE), run);

const short = (value) => value.toPrecision(3).padStart(10);
console.log('\n  weights   deviation after the     loss: first      last    test');
console.log('            blocks, at the start          step      step    accuracy');
for (const { label, start, losses, accuracy } of results) {
  console.log(
    `  ${label.padEnd(8)} ${short(start).padStart(20)} ${short(losses[0]).padStart(15)} ` +
      `${short(losses.at(-1))} ${percent(accuracy).padStart(11)}`,
  );
}

const [fixup, he] = results;
const unstable = he.losses.findIndex((loss) => !Number.isFinite(loss));
const fate =
  unstable >= 0
    ? `diverges: its loss is ${he.losses[unstable]} in step ${unstable + 1}`
    : `ends with a loss of ${he.losses.at(-1).toPrecision(3)}`;
console.log(
  `\nWith Fixup the network ends at ${percent(fixup.accuracy)}; with He's weights the same network ${fate}, and ends at ` +
    `${percent(he.accuracy)}, where guessing gives about 10%.`,
);

const title = `MNIST test accuracy (500 images), ${options.depth} layers without normalization`;
save(options.output, 'fixup', 'Accuracy curves', accuracyChart(title, results), {
  device,
  options,
  results,
});
