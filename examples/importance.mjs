// Which statistics switchable norm learns to use, layer by layer, on MNIST in large and in small batches.
import { Command } from 'commander';
import { norm, tf } from 'tfjs-cuda-norm';
import { stackedBars } from './mnist/chart.mjs';
import { firstOf, loadMnist } from './mnist/data.mjs';
import { announce, requireCounts, runAll, save } from './mnist/example.mjs';
import { buildModel, normLayers } from './mnist/model.mjs';
import { accuracyOf, imagesByDefault, percent, train } from './mnist/train.mjs';

const options = new Command('npm run example -- importance')
  .description('Train with switchable norm and show the learned weights of its statistics.')
  .option('--steps <count>', 'most steps at a batch size', Number, 4000)
  .option('--output <folder>', 'where the chart and the figures go', 'output')
  .parse()
  .opts();
requireCounts('importance', options, ['steps']);

const BATCH_SIZES = [32, 2];
const STATISTICS = ['mean', 'variance'];

const mnist = loadMnist();
const testSet = firstOf(tf, mnist.test, mnist.test.count);
const { switchable } = normLayers(norm);

const imagesFor = (batchSize) => imagesByDefault(mnist.train, batchSize, options.steps);

async function run(batchSize, bar) {
  const model = buildModel(tf, switchable, batchSize);
  const images = imagesFor(batchSize);
  await train(tf, model, mnist.train, {
    batchSize,
    images,
    onStep: () => bar.increment(1, { label: `batch ${batchSize}` }),
  });
  const layers = model.layers.filter(
    (layer) => layer instanceof norm.layers.SwitchableNormalization,
  );
  const result = {
    batchSize,
    images,
    accuracy: accuracyOf(tf, model, testSet),
    layers: layers.map((layer, i) => ({ name: `layer ${i + 1}`, ...layer.importance() })),
  };
  model.optimizer.dispose();
  model.dispose();
  return result;
}

const device = announce();
const stepsOf = (batchSize) => Math.floor(imagesFor(batchSize) / batchSize);
const results = await runAll(BATCH_SIZES, stepsOf, run);

console.log('\n  batch  layer    statistic  instance    layer    batch');
for (const { batchSize, layers } of results) {
  for (const layer of layers) {
    for (const statistic of STATISTICS) {
      const { instance, layer: ofLayer, batch } = layer[statistic];
      const shares = [instance, ofLayer, batch].map((share) => percent(share).padStart(8));
      console.log(
        `  ${String(batchSize).padStart(5)}  ${layer.name}  ${statistic.padEnd(9)}  ${shares.join(' ')}`,
      );
    }
  }
}
console.log('');
for (const { batchSize, images, accuracy } of results) {
  console.log(`Batch ${batchSize}: ${percent(accuracy)} after ${images} images`);
}

// Switchable norm's paper finds less weight on batch statistics in small batches. What this run found:
const [large, small] = results;
for (const [i, layer] of large.layers.entries()) {
  for (const statistic of STATISTICS) {
    const [before, after] = [layer, small.layers[i]].map((of) => of[statistic].batch);
    const change = after < before ? 'falls' : 'does not fall';
    console.log(
      `Weight of the batch ${statistic} in ${layer.name} ${change} from batch ${large.batchSize} to ` +
        `${small.batchSize}: ${percent(before)} to ${percent(after)}`,
    );
  }
}

const groups = results.flatMap(({ batchSize, layers }) =>
  layers.map((layer) => ({
    label: `${layer.name}, batch ${batchSize}`,
    bars: STATISTICS.map((statistic) => ({ label: statistic, parts: layer[statistic] })),
  })),
);
save(
  options.output,
  'importance',
  'Weights',
  stackedBars('Weights of the statistics in switchable norm', groups),
  { device, results },
);
