// Deep dense networks on MNIST without any normalization layer: SELU with weights of the right variance, with tfjs's, ReLU.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save, trainWithCurve } from './mnist/example.mjs';
import { accuracyOf, percent } from './mnist/train.mjs';

const options = new Command('npm run example -- selu')
  .description('Train deep dense networks that differ in activation and initializer only.')
  .option('--depth <count>', 'hidden layers', Number, 32)
  .option('--units <count>', 'units of a hidden layer', Number, 128)
  .option('--images <count>', 'training images', Number, 30000)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('selu', options, ['depth', 'units', 'images']);

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
const testSet = firstOf(tf, mnist.test, mnist.test.count);
const quickTestSet = firstOf(tf, mnist.test, QUICK_TEST_IMAGES);
const probe = firstOf(tf, mnist.train, 500);

/** Variance of the activations of the first and of the last hidden layer. */
function variancesOf(model) {
  const { layers: found } = norm.checkSelfNormalizing(model, probe.x);
  const activations = found.filter(({ className }) => ['Selu', 'ReLU'].includes(className));
  return { first: activations[0].variance, last: activations.at(-1).variance };
}

async function run(network, bar) {
  const model = networkOf(network);
  const start = variancesOf(model);
  const { seconds, points } = await trainWithCurve(model, mnist.train, {
    batchSize: BATCH_SIZE,
    images: options.images,
    evaluations: EVALUATIONS,
    testSet: quickTestSet,
    label: network.label,
    bar,
  });
  const accuracy = accuracyOf(tf, model, testSet);
  const end = variancesOf(model);
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, accuracy, seconds, start, end, points };
}

const device = announce(
  `${options.depth} hidden layers of ${options.units} units, ${options.images} images`,
);
const results = await runAll(NETWORKS, () => Math.floor(options.images / BATCH_SIZE), run);

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

const title = `MNIST test accuracy (2,000 images), ${options.depth} dense layers`;
save(options.output, 'selu', 'Accuracy curves', accuracyChart(title, results), {
  device,
  options,
  results,
});
