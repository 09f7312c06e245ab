// Deep weight-normalized dense networks on MNIST, by where their gains start: length of the kernel, first batch, robust, robust with warm-up.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { batchOf, loadMnist } from './mnist/data.mjs';
import { accuracyOf, percent, progressBar, train } from './mnist/train.mjs';

const options = new Command('npm run example -- weight-norm')
  .description('Train deep weight-normalized networks that differ in their gains at the start.')
  .option('--depth <count>', 'hidden layers', Number, 40)
  .option('--units <count>', 'units of a hidden layer', Number, 64)
  .option('--images <count>', 'training images', Number, 19200)
  .option('--rate <number>', 'learning rate', Number, 0.02)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
for (const name of ['depth', 'units', 'images']) {
  if (!Number.isInteger(options[name]) || options[name] < 1) {
    console.error(`weight-norm: --${name} must be a whole number above 0, got '${options[name]}'`);
    process.exit(1);
  }
}
if (!(options.rate > 0)) {
  console.error(`weight-norm: --rate must be above 0, got '${options.rate}'`);
  process.exit(1);
}

const BATCH_SIZE = 64;
const EVALUATIONS = 12;
const QUICK_TEST_IMAGES = 1000;
// Of the pixels of the training images.
const PIXELS = { mean: 0.1307, deviation: 0.3081 };

const { initializers, layers, schedules } = norm;
const NETWORKS = [
  { label: 'kernel length', args: { dataInit: false } },
  { label: 'first batch', args: { dataInit: true } },
  { label: 'robust', args: { gInitializer: initializers.weightNormGain({ role: 'relu' }) } },
];
NETWORKS.push({ ...NETWORKS[2], label: 'robust, warm-up', warmup: true });

function networkOf({ args }) {
  let seed = 1;
  const hidden = () =>
    layers.weightNormalization({
      layer: tf.layers.dense({
        units: options.units,
        activation: 'relu',
        kernelInitializer: initializers.orthogonal({ seed: seed++ }),
      }),
      ...args,
    });
  const model = tf.sequential({
    layers: [
      tf.layers.rescaling({
        inputShape: [28, 28, 1],
        scale: 1 / PIXELS.deviation,
        offset: -PIXELS.mean / PIXELS.deviation,
      }),
      tf.layers.flatten(),
      ...Array.from({ length: options.depth }, hidden),
      tf.layers.dense({
        units: 10,
        activation: 'softmax',
        kernelInitializer: tf.initializers.glorotNormal({ seed: 1 }),
      }),
    ],
  });
  model.compile({
    optimizer: tf.train.sgd(options.rate),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return model;
}

const mnist = loadMnist();
const first = (split, count) =>
  batchOf(
    tf,
    split,
    Uint32Array.from({ length: count }, (_, i) => i),
  );
const testSet = first(mnist.test, mnist.test.count);
const quickTestSet = first(mnist.test, QUICK_TEST_IMAGES);
const probe = first(mnist.train, 200);
const steps = Math.floor(options.images / BATCH_SIZE);

/** The root mean square of the outputs of the last hidden layer, over that of the images as they go in. */
function growthOf(model) {
  return tf.tidy(() => {
    const outputs = [model.layers[1].output, model.layers.at(-2).output];
    const [images, last] = tf.model({ inputs: model.inputs, outputs }).predict(probe.x);
    const norms = [last, images].map((t) => t.norm().dataSync()[0]);
    return norms[0] / norms[1];
  });
}

async function run(network, bar) {
  const model = networkOf(network);
  if (network.args.dataInit) norm.dataDependentInit(model, probe.x);
  const growth = growthOf(model);
  const rate = { learningRate: options.rate, warmupSteps: Math.ceil(steps / 4) };
  const rateAt = (step) => (network.warmup ? schedules.quadraticWarmup(step, rate) : options.rate);
  const points = [];
  model.optimizer.setLearningRate(rateAt(0));
  const seconds = await train(tf, model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    onStep(step) {
      model.optimizer.setLearningRate(rateAt(step));
      if (step % Math.ceil(steps / EVALUATIONS) === 0 || step === steps) {
        points.push({ images: step * BATCH_SIZE, accuracy: accuracyOf(tf, model, quickTestSet) });
      }
      bar.increment(1, { label: network.label, accuracy: percent(points.at(-1)?.accuracy) });
    },
  });
  const accuracy = accuracyOf(tf, model, testSet);
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, growth, accuracy, seconds, points };
}

const device = norm.device();
console.log(`Device: ${device.device} (tfjs backend ${device.backend}; ${device.reason})`);
console.log(
  `${options.depth} weight-normalized layers of ${options.units} units, ${options.images} images, learning rate ${options.rate}`,
);
const bar = progressBar();
bar.start(NETWORKS.length * steps, 0, { label: 'starting', accuracy: '-' });
const results = [];
for (const network of NETWORKS) results.push(await run(network, bar));
bar.stop();

console.log('\n                   last activations     test');
console.log('  gains            over the images  accuracy');
for (const { label, growth, accuracy } of results) {
  console.log(
    `  ${label.padEnd(16)} ${growth.toPrecision(3).padStart(15)} ${percent(accuracy).padStart(9)}`,
  );
}

const [length, batch, robust, warm] = results.map(({ accuracy }) => percent(accuracy));
console.log(
  `\nAt learning rate ${options.rate} the ${options.depth} layers end at ${robust} with robust gains, ${warm} with warm-up besides, ` +
    `${batch} with gains from the first batch and ${length} with the kernels' lengths for gains.`,
);

mkdirSync(options.output, { recursive: true });
const chartFile = path.join(options.output, 'weight-norm.svg');
const title = `MNIST test accuracy (1,000 images), ${options.depth} weight-normalized layers`;
writeFileSync(chartFile, accuracyChart(title, results));
writeFileSync(
  path.join(options.output, 'weight-norm.json'),
  `${JSON.stringify({ device, options, results }, null, 2)}\n`,
);
console.log(`\nAccuracy curves: ${chartFile}`);
