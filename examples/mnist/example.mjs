// What the examples that train several networks share, beside the networks.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { norm, tf } from 'tfjs-cuda-norm';
import { accuracyOf, percent, progressBar, train } from './train.mjs';

/** Ends the process where an option of example `name` is not a whole number above 0. */
export function requireCounts(name, options, counts) {
  for (const count of counts) {
    if (!Number.isInteger(options[count]) || options[count] < 1) {
      console.error(`${name}: --${count} must be a whole number above 0, got '${options[count]}'`);
      process.exit(1);
    }
  }
}

/** Prints the device, and `what` is to be done where it is said; gives the device. */
export function announce(what) {
  const device = norm.device();
  console.log(`Device: ${device.device} (tfjs backend ${device.backend}; ${device.reason})`);
  if (what) console.log(what);
  return device;
}

/** Trains as `train` does; the accuracy on `testSet` after about every `evaluations`-th part: `{ seconds, points }`. */
export async function trainWithCurve(
  model,
  split,
  { evaluations, testSet, label, bar, onStep, ...how },
) {
  const points = [];
  const seconds = await train(tf, model, split, {
    ...how,
    onStep(step, steps, loss) {
      onStep?.(step, steps, loss);
      if (step % Math.ceil(steps / evaluations) === 0 || step === steps) {
        points.push({ images: step * how.batchSize, accuracy: accuracyOf(tf, model, testSet) });
      }
      bar.increment(1, { label, accuracy: percent(points.at(-1)?.accuracy) });
    },
  });
  return { seconds, points };
}

/** What run(thing, bar) gives for each of `things`, which take stepsOf(thing) steps, behind a bar. */
export async function runAll(things, stepsOf, run) {
  const bar = progressBar();
  const steps = things.reduce((sum, thing) => sum + stepsOf(thing), 0);
  bar.start(steps, 0, { label: 'starting', accuracy: '-' });
  const results = [];
  for (const thing of things) results.push(await run(thing, bar));
  bar.stop();
  return results;
}

/** Writes `name`.svg and `name`.json into `folder`; says where the `what` is. */
export function save(folder, name, what, chart, figures) {
  mkdirSync(folder, { recursive: true });
  const chartFile = path.join(folder, `${name}.svg`);
  writeFileSync(chartFile, chart);
  writeFileSync(path.join(folder, `${name}.json`), `${JSON.stringify(figures, null, 2)}\n`);
  console.log(`\n${what}: ${chartFile}`);
}
