// What npm start runs: trains a small convolutional network on MNIST with one normalization layer or another, at
// several batch sizes, and prints what each reached. `npm start -- --help` lists the options.
import { Command, InvalidArgumentError, Option } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyChart } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, runAll, save, trainWithCurve } from './mnist/example.mjs';
import { buildModel, normLayers } from './mnist/model.mjs';
import { accuracyOf, imagesByDefault, percent } from './mnist/train.mjs';

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
const testSet = firstOf(tf, mnist.test, mnist.test.count);
const quickTestSet = firstOf(tf, mnist.test, QUICK_TEST_IMAGES);

function imagesFor(batchSize) {
  if (options.images) return options.images;
  if (options.full) return 3 * mnist.train.count;
  return imagesByDefault(mnist.train, batchSize, DEFAULT_STEPS);
}

async function trainOne({ name, batchSize }, bar) {
  const model = buildModel(tf, layers[name], batchSize);
  const images = imagesFor(batchSize);
  const { seconds, points } = await trainWithCurve(model, mnist.train, {
    batchSize,
    images,
    evaluations: EVALUATIONS,
    testSet: quickTestSet,
    label: `${name} norm, batch ${batchSize}`,
    bar,
  });
  const accuracy = accuracyOf(tf, model, testSet);
  model.optimizer.dispose();
  model.dispose();
  const seen = Math.floor(images / batchSize) * batchSize;
  return { norm: name, batchSize, images: seen, accuracy, seconds, points };
}

const device = announce();
const runs = options.batch.flatMap((batchSize) =>
  options.norms.map((name) => ({ name, batchSize })),
);
norm.resetCounters();
const stepsOf = ({ batchSize }) => Math.floor(imagesFor(batchSize) / batchSize);
const results = await runAll(runs, stepsOf, trainOne);

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

const curves = results.map((r) => ({ label: `${r.norm}, batch ${r.batchSize}`, points: r.points }));
const chart = accuracyChart('MNIST test accuracy (2,000 images) while training', curves);
save(options.output, 'mnist', 'Accuracy curves', chart, { device, counters, results });
