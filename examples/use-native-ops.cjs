// A stock tfjs model, batch norm inside: its norms run native, it trains on, goes to disk and comes back.
const { mkdtempSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { tf, norm } = require('tfjs-cuda-norm');

async function main() {
  const model = tf.sequential();
  const seeded = () => ({ kernelInitializer: tf.initializers.heNormal({ seed: 1 }) });
  model.add(tf.layers.conv2d({ inputShape: [16, 16, 3], filters: 8, kernelSize: 3, ...seeded() }));
  model.add(tf.layers.batchNormalization());
  model.add(tf.layers.flatten());
  model.add(tf.layers.dense({ units: 4, activation: 'softmax', ...seeded() }));
  const [x, y] = [tf.randomNormal([64, 16, 16, 3], 0, 1, 'float32', 2), tf.eye(4).tile([16, 1])];
  const before = model.predict(x);

  console.log(norm.device(), norm.useNativeOps(model).replaced);
  console.log(
    'largest change of a prediction:',
    model.predict(x).sub(before).abs().max().dataSync()[0],
  );
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const { history } = await model.fit(x, y, { epochs: 5, verbose: 0, shuffle: false });
  console.log('loss:', history.loss.map((value) => value.toFixed(6)).join(' '));

  const folder = `file://${mkdtempSync(path.join(os.tmpdir(), 'native-'))}`;
  await model.save(folder);
  const loaded = await tf.loadLayersModel(`${folder}/model.json`);
  console.log('after loading:', loaded.predict(x).sub(model.predict(x)).abs().max().dataSync()[0]);
  console.log('native calls:', norm.counters().calls, 'launches:', norm.counters().launches);
}

main();
