// One step of training as a thing to time.
import { CLASSES } from './model.mjs';

/** Random images and labels, the same for every model. */
export function makeBatch(tf, batch, size) {
  const x = tf.randomNormal([batch, size, size, 3], 0, 1, 'float32', 1);
  const labels = tf.tensor1d(
    Array.from({ length: batch }, (_, i) => (i * 7) % CLASSES),
    'int32',
  );
  const y = tf.oneHot(labels, CLASSES).toFloat();
  labels.dispose();
  return { x, y };
}

/** The losses of some first steps: models that compute the same agree in them. */
export async function losses(model, { x, y }, steps) {
  const found = [];
  for (let step = 0; step < steps; ++step) found.push(await model.trainOnBatch(x, y));
  return found;
}

/** How many kernels tfjs runs in a step. */
export async function kernelsOf(tf, model, { x, y }) {
  const { kernels } = await tf.profile(async () => {
    await model.trainOnBatch(x, y);
    return tf.scalar(0);
  });
  return kernels.length;
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** name -> median milliseconds of a step; the models take turns, so that drift of the machine hits all alike. */
export async function timeSteps(models, batch, rounds) {
  const samples = Object.fromEntries(Object.keys(models).map((name) => [name, []]));
  for (let round = -1; round < rounds; ++round) {
    for (const [name, model] of Object.entries(models)) {
      const start = performance.now();
      await model.trainOnBatch(batch.x, batch.y);
      if (round >= 0) samples[name].push(performance.now() - start);
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, ms]) => [name, median(ms)]));
}
