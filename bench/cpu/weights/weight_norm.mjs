// Weight normalization of all of ResNet-50's kernels at once, as in a training step.
import { resnet50Kernels } from '../resnet50.mjs';

/** How many times faster than the composed ops. */
const TARGET = 3;

const SETTINGS = { axis: -1, kept_axes: 1, divisor: 0, center: false, epsilon: 1e-12, scale: true };

export function candidatesOf({ norm, tf }) {
  const shapes = resnet50Kernels();
  const make = (shape, i, mean, deviation) =>
    tf.tidy(() => tf.variable(tf.randomNormal(shape, mean, deviation, 'float32', i + 1)));
  const weights = shapes.map((shape, i) => make(shape, i, 0, 0.05));
  const gains = shapes.map((shape, i) => make(shape.slice(-1), i, 1, 0.2));
  const dys = shapes.map((shape, i) => make(shape, 99 + i, 0, 0.05));
  const runAndFree = (run) => () => tf.dispose(tf.tidy(run));

  const runKernel = (op, inputs) => tf.engine().runKernel(op, inputs, SETTINGS);
  const gradients = (moments) =>
    runKernel('TfjsWeightNormGrad', [...dys, ...weights, ...gains, moments]);
  const forward = () => runKernel('TfjsWeightNorm', [...weights, ...gains]);
  const moments = tf.tidy(() => forward().at(-1));
  // As its users write it today, weight by weight.
  const composed = (v, g) => {
    const axes = v.shape.slice(0, -1).map((_, axis) => axis);
    return v.mul(g.div(v.square().sum(axes).maximum(1e-12).sqrt()));
  };
  const composedGradients = tf.grads(composed);
  return {
    values: weights.reduce((sum, { size }) => sum + size, 0),
    count: shapes.length,
    candidates: {
      pass: runAndFree(() => weights.map((weight) => weight.add(0))),
      forward: runAndFree(() => norm.ops.weightNorm(weights, { g: gains })),
      composedForward: runAndFree(() => weights.map((v, i) => composed(v, gains[i]))),
      backward: runAndFree(() => gradients(moments)),
      both: runAndFree(() => gradients(forward().at(-1))),
      composedBoth: runAndFree(() =>
        weights.map((v, i) => composedGradients([v, gains[i]], dys[i])),
      ),
    },
    dispose: () => tf.dispose([weights, gains, dys, moments]),
  };
}

export function print({ values, count, ms }) {
  const passes = (time) => `${(time / ms.pass).toFixed(2)} passes`;
  const line = (what, ours, theirs) => {
    const ratio = theirs / ours;
    return (
      `  ${what}: ${passes(ours)}, composed ${passes(theirs)}, ${ratio.toFixed(1)} times as fast ` +
      `(target >= ${TARGET}) ${ratio >= TARGET ? 'ok' : 'MISSED'}\n`
    );
  };
  console.log(
    `\nWeight normalization of the ${count} kernels of ResNet-50, ${(values / 1e6).toFixed(1)} million weights, a pass being ` +
      `x.add(0) of all of them (${ms.pass.toFixed(1)} ms):\n` +
      line('forward', ms.forward, ms.composedForward) +
      line('forward and backward', ms.both, ms.composedBoth) +
      `  backward alone: ${passes(ms.backward)}`,
  );
}
