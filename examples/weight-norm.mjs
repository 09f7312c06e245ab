// Deep weight-normalized dense networks on MNIST, by where their gains start: length of the kernel, first batch, robust, robust with warm-up.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save, trainWithCurve } from './mnist/example.mjs';
import { accuracyOf, percent } from './mnist/train.mjs';

const options = new Command('npm run example -- weight-norm')
  .description('Train deep weight-normalized networks that differ in their gains at the start.')
  .option('--depth <count>', 'hidden layers', Number, 40)
  .option('--units <count>', 'units of a hidden layer', Number, 64)
  .option('--images <count>', 'training images', Number, 19200)
  .option('--rate <number>', 'learning rate', Number, 0.02)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('weight-norm', options, ['depth', 'units', 'images']);
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
const testSet = firstOf(tf, mnist.test, mnist.test.count);
const quickTestSet = firstOf(tf, mnist.test, QUICK_TEST_IMAGES);
const probe = firstOf(tf, mnist.train, 200);
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
  model.optimizer.setLearningRate(rateAt(0));
  const { seconds, points } = await trainWithCurve(model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    evaluations: EVALUATIONS,
    testSet: quickTestSet,
    label: network.label,
    bar,
    onStep: (step) => model.optimizer.setLearningRate(rateAt(step)),
  });
  const accuracy = accuracyOf(tf, model, testSet);
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, growth, accuracy, seconds, points };
}

const device = announce(
  `${options.depth} weight-normalized layers of ${options.units} units, ${options.images} images, learning rate ${options.rate}`,
);
const results = await runAll(NETWORKS, () => steps, run);

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

const title = `MNIST test accuracy (1,000 images), ${options.depth} weight-normalized layers`;
save(options.output, 'weight-norm', 'Accuracy curves', accuracyChart(title, results), {
  device,
  options,
  results,
});
