// A small training set of MNIST: kernels of a constant norm without noise, with batch norm's noise, with learned noise, and batch norm itself.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { lossChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save } from './mnist/example.mjs';
import { percent, train } from './mnist/train.mjs';

const options = new Command('npm run example -- stochastic')
  .description('Train networks that differ in the noise of their normalization only.')
  .option('--images <count>', 'training images that there are', Number, 1000)
  .option('--epochs <count>', 'how often each is seen', Number, 30)
  .option('--draws <count>', 'draws of an ensemble', Number, 20)
  .option('--effective-n <count>', 'values of the batch whose noise is drawn', Number, 32)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('stochastic', options, ['images', 'epochs', 'draws', 'effectiveN']);

const BATCH_SIZE = 32;
const EVALUATIONS = 10;
const TEST_IMAGES = 4000;
const { effectiveN } = options;
const { layers, constraints } = norm;

const NETWORKS = [
  // The noise of so many values is none.
  { label: 'no noise', make: () => layers.stochasticNormalization({ effectiveN: 1e12, seed: 1 }) },
  {
    label: 'batch-norm noise',
    make: (seed) => layers.stochasticNormalization({ effectiveN, seed }),
  },
  {
    label: 'learned noise',
    make: (seed) =>
      layers.bayesianNormalization({ effectiveN, seed, trainingSize: options.images }),
  },
  { label: 'batch norm', free: true, make: () => layers.batchNormalization({ momentum: 0.9 }) },
];

function networkOf({ make, free }) {
  let seed = 1;
  const block = (filters, extra = {}) => [
    tf.layers.conv2d({
      filters,
      strides: 2,
      kernelSize: 3,
      padding: 'same',
      useBias: false,
      kernelInitializer: norm.initializers.heNormal({ seed }),
      kernelConstraint: free ? null : constraints.projectNorm({ norm: Math.SQRT2 }),
      ...extra,
    }),
    make(seed++),
    tf.layers.reLU(),
  ];
  const model = tf.sequential({
    layers: [
      ...block(16, { inputShape: [28, 28, 1] }),
      ...block(32),
      ...block(64),
      tf.layers.flatten(),
      tf.layers.dense({
        units: 10,
        activation: 'softmax',
        kernelInitializer: norm.initializers.leCunNormal({ seed }),
      }),
    ],
  });
  model.compile({
    optimizer: tf.train.momentum(0.02, 0.9),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  norm.applyConstraints(model);
  return model;
}

const mnist = loadMnist();
const few = { ...mnist.train, count: options.images };
const testSet = firstOf(tf, mnist.test, TEST_IMAGES);

/** Accuracy, NLL and entropy on the test images, of an ensemble or with 0 draws of one pass. */
function measure(model, draws) {
  const options = { labels: testSet.y, batchSize: 500 };
  const { probabilities, entropies, ...numbers } = norm.predictEnsemble(
    model,
    testSet.x,
    draws,
    options,
  );
  tf.dispose([probabilities, entropies]);
  return numbers;
}

async function run(network, bar) {
  const model = networkOf(network);
  const noisy = network.label.endsWith('noise') && network.label !== 'no noise';
  const points = [];
  const seconds = await train(tf, model, few, {
    batchSize: BATCH_SIZE,
    images: options.images * options.epochs,
    onStep(step, steps) {
      norm.applyConstraints(model);
      if (step % Math.ceil(steps / EVALUATIONS) === 0 || step === steps) {
        const { nll: loss, accuracy } = measure(model, 0);
        points.push({ images: step * BATCH_SIZE, loss, accuracy });
      }
      const { accuracy } = points.at(-1) ?? {};
      bar.increment(1, { label: network.label, accuracy: percent(accuracy) });
    },
  });
  const one = measure(model, 0);
  const ensemble = noisy ? measure(model, options.draws) : undefined;
  model.optimizer.dispose();
  model.dispose();
  return { label: network.label, one, ensemble, seconds, points };
}

const device = announce(
  `${options.images} training images, ${options.epochs} epochs, batches of ${BATCH_SIZE}; three convolutions`,
);
const steps = Math.floor((options.images * options.epochs) / BATCH_SIZE);
const results = await runAll(NETWORKS, () => steps, run);

const row = (label, { accuracy, nll, entropy }) =>
  console.log(
    `  ${label.padEnd(34)} ${percent(accuracy).padStart(8)}   ${nll.toFixed(4)}   ${entropy.toFixed(4)}`,
  );
console.log(`\n  ${TEST_IMAGES} test images                   accuracy      NLL   entropy`);
for (const { label, one, ensemble } of results) {
  row(label, one);
  if (ensemble) row(`${label}, ${options.draws} draws`, ensemble);
}
const [none, noise, learned, batch] = results;
const nll = ({ nll: value }) => value.toFixed(3);
console.log(
  `\nAn entropy below the NLL says that a network is surer than it is right. The NLL of the network without noise is ${nll(none.one)} ` +
    `(entropy ${none.one.entropy.toFixed(3)}), with batch norm's noise ${nll(noise.one)}, averaged over draws ${nll(noise.ensemble)}; with learned ` +
    `noise ${nll(learned.one)} and ${nll(learned.ensemble)}; batch norm itself has ${nll(batch.one)}.`,
);

const title = `MNIST test negative log-likelihood, ${options.images} training images`;
save(options.output, 'stochastic', 'Curves', lossChart(title, results), {
  device,
  options,
  results,
});
