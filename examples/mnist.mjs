// What npm start runs: trains a small convolutional network on MNIST with one normalization layer or another, at
// several batch sizes, and prints what each reached. `npm start -- --help` lists the options.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { batchOf, loadMnist } from './mnist/data.mjs';
import { buildModel, normLayers } from './mnist/model.mjs';
import { accuracyOf, imagesByDefault, percent, progressBar, train } from './mnist/train.mjs';

const layers = normLayers(norm);

const parseNorms = (text) => {
  const names = text.split(',').filter(Boolean);
  const unknown = names.filter((name) => !(name in layers));
  if (names.length === 0 || unknown.length > 0) {
    throw new InvalidArgumentError(
      `expected some of ${Object.keys(layers).join(', ')}, got '${text}'`,
    );
  }
  return names;
};
const parseCount = (text) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError(`expected a whole number above 0, got '${text}'`);
  return value;
};
const parseCounts = (text) => text.split(',').map(parseCount);

const options = new Command('npm start --')
  .description('Train on MNIST with native normalization layers and compare them.')
  .addOption(
    new Option('--norms <list>', 'norms to compare')
      .argParser(parseNorms)
      .default(['batch', 'group'], 'batch,group'),
  )
  .addOption(
    new Option('--batch <list>', 'batch sizes').argParser(parseCounts).default([32, 2], '32,2'),
  )
  .addOption(
    new Option(
      '--images <count>',
      'training images per run (default: 60000 at batch 32 and more, fewer below)',
    ).argParser(parseCount),
  )
  .option('--full', 'the long version: all 60,000 images, three epochs, at every batch size')
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();

const DEFAULT_STEPS = 4000;
const EVALUATIONS = 12;
const QUICK_TEST_IMAGES = 2000;

const mnist = loadMnist();
const allTestIndices = Array.from({ length: mnist.test.count }, (_, i) => i);
const testSet = batchOf(tf, mnist.test, allTestIndices);
const quickTestSet = tf.tidy(() => ({
  x: testSet.x.slice([0, 0, 0, 0], [QUICK_TEST_IMAGES, -1, -1, -1]),
  y: testSet.y.slice([0, 0], [QUICK_TEST_IMAGES, -1]),
}));

function imagesFor(batchSize) {
  if (options.images) return options.images;
  if (options.full) return 3 * mnist.train.count;
  return imagesByDefault(mnist.train, batchSize, DEFAULT_STEPS);
}

async function trainOne(name, batchSize, bar) {
  const model = buildModel(tf, layers[name], batchSize);
  const images = imagesFor(batchSize);
  const points = [];
  const seconds = await train(tf, model, mnist.train, {
    batchSize,
    images,
    onStep: (step, steps) => {
      if (step % Math.ceil(steps / EVALUATIONS) === 0 || step === steps) {
        points.push({ images: step * batchSize, accuracy: accuracyOf(tf, model, quickTestSet) });
      }
      bar.increment(1, {
        label: `${name} norm, batch ${batchSize}`,
        accuracy: percent(points.at(-1)?.accuracy),
      });
    },
  });
  const accuracy = accuracyOf(tf, model, testSet);
  model.optimizer.dispose();
  model.dispose();
  const seen = Math.floor(images / batchSize) * batchSize;
  return { norm: name, batchSize, images: seen, accuracy, seconds, points };
}

const device = norm.device();
console.log(`Device: ${device.device} (tfjs backend ${device.backend}; ${device.reason})`);
const runs = options.batch.flatMap((batchSize) =>
  options.norms.map((name) => ({ name, batchSize })),
);
const totalSteps = runs.reduce(
  (sum, { batchSize }) => sum + Math.floor(imagesFor(batchSize) / batchSize),
  0,
);
const bar = progressBar();
norm.resetCounters();
bar.start(totalSteps, 0, { label: 'starting', accuracy: '-' });
const results = [];
for (const { name, batchSize } of runs) results.push(await trainOne(name, batchSize, bar));
bar.stop();

console.log('\n  norm       batch   images seen   test accuracy   ms per step');
for (const r of results) {
  const ms = (1000 * r.seconds) / (r.images / r.batchSize);
  console.log(
    `  ${r.norm.padEnd(9)} ${String(r.batchSize).padStart(6)} ${String(r.images).padStart(13)} ` +
      `${percent(r.accuracy).padStart(15)} ${ms.toFixed(2).padStart(13)}`,
  );
}

const counters = norm.counters();
console.log(
  `\nNative op calls: ${counters.opCalls}${counters.launches ? `, kernel launches: ${counters.launches}` : ''}`,
);
for (const [op, calls] of Object.entries(counters.calls)) console.log(`  ${op}: ${calls}`);

mkdirSync(options.output, { recursive: true });
const chartFile = path.join(options.output, 'mnist.svg');
const curves = results.map((r) => ({ label: `${r.norm}, batch ${r.batchSize}`, points: r.points }));
writeFileSync(
  chartFile,
  accuracyChart('MNIST test accuracy (2,000 images) while training', curves),
);
writeFileSync(
  path.join(options.output, 'mnist.json'),
  `${JSON.stringify({ device, counters, results }, null, 2)}\n`,
);
console.log(`\nAccuracy curves: ${chartFile}`);
