// Deep dense networks on MNIST without any normalization layer: SELU with weights of the right variance, with tfjs's, ReLU.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { batchOf, loadMnist } from './mnist/data.mjs';
import { accuracyOf, percent, progressBar, train } from './mnist/train.mjs';

const options = new Command('npm run example -- selu')
  .description('Train deep dense networks that differ in activation and initializer only.')
  .option('--depth <count>', 'hidden layers', Number, 32)
  .option('--units <count>', 'units of a hidden layer', Number, 128)
  .option('--images <count>', 'training images', Number, 30000)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
for (const name of ['depth', 'units', 'images']) {
  if (!Number.isInteger(options[name]) || options[name] < 1) {
    console.error(`selu: --${name} must be a whole number above 0, got '${options[name]}'`);
    process.exit(1);
  }
}

const BATCH_SIZE = 64;
const LEARNING_RATE = 0.01;
const EVALUATIONS = 12;
const QUICK_TEST_IMAGES = 2000;
// Of the pixels of the training images.
const PIXELS = { mean: 0.1307, deviation: 0.3081 };

const { initializers, layers } = norm;
const NETWORKS = [
  { label: 'SELU, exact', activation: layers.selu, initializer: initializers.leCunNormal },
  { label: 'SELU, tfjs', activation: layers.selu, initializer: tf.initializers.leCunNormal },
  { label: 'ReLU, exact', activation: tf.layers.reLU, initializer: initializers.heNormal },
  { label: 'ReLU, tfjs', activation: tf.layers.reLU, initializer: tf.initializers.heNormal },
];

function networkOf({ activation, initializer }) {
  let seed = 1;
  const dense = (units, extra = {}) =>
    tf.layers.dense({ units, kernelInitializer: initializer({ seed: seed++ }), ...extra });
  const model = tf.sequential({
    layers: [
      tf.layers.rescaling({
        inputShape: [28, 28, 1],
        scale: 1 / PIXELS.deviation,
        offset: -PIXELS.mean / PIXELS.deviation,
      }),
      tf.layers.flatten(),
      ...Array.from({ length: options.depth }, () => [dense(options.units), activation()]).flat(),
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
const batchOfFirst = (split, count) =>
  batchOf(
    tf,
    split,
    Array.from({ length: count }, (_, i) => i),
  );
const testSet = batchOfFirst(mnist.test, mnist.test.count);
const quickTestSet = batchOfFirst(mnist.test, QUICK_TEST_IMAGES);
const probe = batchOfFirst(mnist.train, 500);

/** Variance of the activations of the first and of the last hidden layer. */
function variancesOf(model) {
  const { layers: found } = norm.checkSelfNormalizing(model, probe.x);
  const activations = found.filter(({ className }) => ['Selu', 'ReLU'].includes(className));
  return { first: activations[0].variance, last: activations.at(-1).variance };
}

async function run(network, bar) {
  const model = networkOf(network);
  const start = variancesOf(model);
  const points = [];
  const seconds = await train(tf, model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    onStep(step, steps) {
      if (step % Math.ceil(steps / EVALUATIONS) === 0 || step === steps) {
        points.push({ images: step * BATCH_SIZE, accuracy: accuracyOf(tf, model, quickTestSet) });
      }
      bar.increment(1, { label: network.label, accuracy: percent(points.at(-1)?.accuracy) });
    },
  });
  const accuracy = accuracyOf(tf, model, testSet);
  const end = variancesOf(model);
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, accuracy, seconds, start, end, points };
}

const device = norm.device();
console.log(`Device: ${device.device} (tfjs backend ${device.backend}; ${device.reason})`);
console.log(`${options.depth} hidden layers of ${options.units} units, ${options.images} images`);
const bar = progressBar();
bar.start(NETWORKS.length * Math.floor(options.images / BATCH_SIZE), 0, {
  label: 'starting',
  accuracy: '-',
});
const results = [];
for (const network of NETWORKS) results.push(await run(network, bar));
bar.stop();

const short = (value) => value.toPrecision(3).padStart(10);
console.log('\n  activation,  variance of the activations at the start, trained    test');
console.log('  initializer      first layer       last     first       last     accuracy');
for (const { label, start, end, accuracy } of results) {
  console.log(
    `  ${label.padEnd(14)} ${short(start.first)} ${short(start.last)} ${short(end.first)} ${short(end.last)} ` +
      percent(accuracy).padStart(10),
  );
}

const [exact, stock] = results;
const best = results.reduce((a, b) => (b.accuracy > a.accuracy ? b : a));
console.log(
  `\nSELU ends at ${percent(exact.accuracy)} with exact weights (variance ${exact.start.last.toPrecision(2)} in the last layer ` +
    `at the start) and at ${percent(stock.accuracy)} with tfjs's (variance ${stock.start.last.toPrecision(2)}); ` +
    `the best of the four here is ${best.label}, ${percent(best.accuracy)}.`,
);

mkdirSync(options.output, { recursive: true });
const chartFile = path.join(options.output, 'selu.svg');
const title = `MNIST test accuracy (2,000 images), ${options.depth} dense layers`;
writeFileSync(chartFile, accuracyChart(title, results));
writeFileSync(
  path.join(options.output, 'selu.json'),
  `${JSON.stringify({ device, options, results }, null, 2)}\n`,
);
console.log(`\nAccuracy curves: ${chartFile}`);
