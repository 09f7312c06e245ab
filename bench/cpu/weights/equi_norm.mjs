// Equi-normalization of a chain of layers as large as ResNet-50.
import { resnet50Chain } from '../resnet50.mjs';

const CYCLES = 4;
/** A cycle reads the weights twice; the step writes them once. */
const TARGET = 3;

/** Of each of the widths between two kernels: a group. */
function groupsOf(kernels) {
  return kernels.slice(1).map((next, i) => ({
    units: kernels[i].shape.at(-1),
    producers: [{ variable: kernels[i], axis: -1 }],
    consumers: [{ variable: next, axis: -2 }],
  }));
}

export function candidatesOf({ norm, tf }) {
  const kernels = resnet50Chain().map((shape, i) =>
    tf.tidy(() => tf.variable(tf.randomNormal(shape, 0, 0.05, 'float32', i + 1))),
  );
  const groups = groupsOf(kernels);
  const steps = Object.fromEntries(
    [1, CYCLES].map((cycles) => [
      cycles,
      new norm.EquiNormalization(groups, { order: 'redblack', cycles }),
    ]),
  );
  // Balanced already, so that all the steps do the same.
  for (let i = 0; i < 4; i++) steps[CYCLES].step();
  return {
    values: kernels.reduce((sum, { size }) => sum + size, 0),
    candidates: {
      pass: () => tf.dispose(kernels.map((kernel) => kernel.add(0))),
      step: () => void steps[1].step(),
      steps: () => void steps[CYCLES].step(),
    },
    dispose: () => {
      for (const step of Object.values(steps)) step.dispose();
      tf.dispose(kernels);
    },
  };
}

export function print({ values, ms }) {
  const passes = (time) => `${(time / ms.pass).toFixed(2)} passes`;
  const verdict = ms.step / ms.pass <= TARGET ? 'ok' : 'MISSED';
  console.log(
    `\nEqui-normalization of ${(values / 1e6).toFixed(1)} million weights, a pass being x.add(0) of all of them (${ms.pass.toFixed(1)} ms):\n` +
      `  a step with one cycle: ${passes(ms.step)} (target <= ${TARGET}) ${verdict}; each further cycle: ` +
      passes((ms.steps - ms.step) / (CYCLES - 1)),
  );
}
