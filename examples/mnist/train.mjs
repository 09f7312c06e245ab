// Training on MNIST with the same batches for every model, and progress on the terminal.
import progress from 'cli-progress';
import { batchOf, shuffledIndices } from './data.mjs';

/** Steps cost about the same at any small batch, so a default run takes a bounded number of steps. */
export const imagesByDefault = (split, batchSize, steps) =>
  Math.min(split.count, steps * batchSize);

export const percent = (value) => (value === undefined ? '-' : `${(100 * value).toFixed(2)}%`);

/** Accuracy of a compiled model on `{ x, y }`. */
export function accuracyOf(tf, model, { x, y }) {
  const [loss, accuracy] = model.evaluate(x, y, { batchSize: 1000 });
  const value = accuracy.dataSync()[0];
  tf.dispose([loss, accuracy]);
  return value;
}

/** One line that rewrites itself on a terminal: of the label, the accuracy and the time left. */
export const progressBar = () =>
  new progress.SingleBar(
    {
      format: ' {bar} {percentage}% | {label} | accuracy {accuracy} | {eta_formatted} left',
      noTTYOutput: true,
      notTTYSchedule: 10000,
    },
    progress.Presets.shades_classic,
  );

/**
 * Trains on `images` images of a split; `onStep(step, steps, loss)` is called after every step. `prepare` may give another
 * batch for one, which it disposes of. Gives the seconds in steps.
 */
export async function train(tf, model, split, { batchSize, images, prepare, onStep }) {
  const steps = Math.floor(images / batchSize);
  let order;
  let seconds = 0;
  for (let step = 0; step < steps; step++) {
    const start = performance.now();
    const first = (step * batchSize) % (split.count - batchSize + 1);
    if (!order || first < batchSize) order = shuffledIndices(split.count, 7 + step);
    const given = batchOf(tf, split, order.subarray(first, first + batchSize));
    const batch = prepare ? prepare(given) : given;
    const [loss] = [await model.trainOnBatch(batch.x, batch.y)].flat();
    tf.dispose(batch);
    seconds += (performance.now() - start) / 1000;
    onStep(step + 1, steps, loss);
  }
  return seconds;
}
