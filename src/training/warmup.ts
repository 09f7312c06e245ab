/** Learning rates that grow over the first steps, and learning rates of optimizers as such. */
import type { Optimizer } from '@tensorflow/tfjs-node';
import { checkOptions } from '../core/checks';
import { type Fail, opFail } from '../core/errors';
import { tf } from '../tensorflow';

/** Options of {@link quadraticWarmup} and {@link linearWarmup}. */
export interface WarmupOptions {
  /** The learning rate from step `warmupSteps` on. */
  learningRate: number;
  /** How many steps it takes; an integer of 1 or more. */
  warmupSteps: number;
  /** The learning rate at the start. Default 0, which no step has: the first step is then one on the way already. */
  initialLearningRate?: number;
}

function warmup(name: string, step: number, given: WarmupOptions, power: number): number {
  const fail: Fail = opFail(name);
  const options = checkOptions(fail, given);
  const { learningRate: last, warmupSteps, initialLearningRate: first = 0 } = options;
  const rate = (argument: string, value: unknown) =>
    typeof value === 'number' && value >= 0 && value < Infinity
      ? value
      : fail(argument, 'must be a finite number of 0 or more', value);
  rate('learningRate', last);
  rate('initialLearningRate', first);
  if (!Number.isInteger(warmupSteps) || warmupSteps < 1) {
    fail('warmupSteps', 'must be a positive integer', warmupSteps);
  }
  if (!(step >= 0 && step < Infinity)) fail('step', 'must be a number of 0 or more', step);
  const done = Math.min(1, (first === 0 ? step + 1 : step) / warmupSteps);
  return first + (last - first) * done ** power;
}

/**
 * The learning rate at a training step, counted from 0, that grows quadratically.
 *
 *     rate = initialLearningRate + (learningRate - initialLearningRate) * (t / warmupSteps)^2, at most learningRate
 *
 * with t = step, or step + 1 where the initial rate is 0.
 *
 *     const { learningRate, quadraticWarmup } = norm.schedules;
 *     model.fit(x, y, { callbacks: learningRate((step) => quadraticWarmup(step, { learningRate: 0.1, warmupSteps: 500 })) });
 *
 * Throws a `NormError` for arguments out of their domain.
 *
 * Paper: Arpit, Campos & Bengio, How to Initialize your Network?, arXiv 1906.02341, whose weight normalized ResNets need it.
 */
export function quadraticWarmup(step: number, options: WarmupOptions): number {
  return warmup('quadraticWarmup', step, options, 2);
}

/** As {@link quadraticWarmup}, growing linearly. */
export function linearWarmup(step: number, options: WarmupOptions): number {
  return warmup('linearWarmup', step, options, 1);
}

/**
 * Gives a tfjs optimizer another learning rate; those with momentum keep it.
 *
 * Throws a `NormError` for a rate that is not a number of 0 or more, and for an optimizer without a learning rate.
 */
export function setLearningRate(optimizer: Optimizer, learningRate: number): void {
  const fail = opFail('setLearningRate');
  if (!(learningRate >= 0 && learningRate < Infinity)) {
    fail('learningRate', 'must be a finite number of 0 or more', learningRate);
  }
  const given = optimizer as Optimizer & {
    learningRate?: unknown;
    setLearningRate?(rate: number): void;
  };
  // SGD and its subclasses keep the rate in a tensor besides.
  if (typeof given?.setLearningRate === 'function') given.setLearningRate(learningRate);
  else if (typeof given?.learningRate === 'number') given.learningRate = learningRate;
  else fail('optimizer', 'must be a tfjs optimizer with a learning rate', optimizer);
}

class LearningRate extends tf.Callback {
  private step = 0;

  constructor(private readonly schedule: (step: number) => number) {
    super();
  }

  override async onBatchBegin(): Promise<void> {
    setLearningRate((this.model as { optimizer?: Optimizer }).optimizer!, this.schedule(this.step));
    this.step++;
  }
}

/**
 * A callback for `model.fit` that gives the model's optimizer its learning rate before every batch: `schedule` of the
 * training step, which counts from 0 over all fits that the callback is in.
 *
 * Throws a `NormError` where the schedule is no function; `fit` throws one for a rate that is not a number of 0 or more.
 */
export function learningRate(schedule: (step: number) => number): InstanceType<typeof tf.Callback> {
  if (typeof schedule !== 'function') {
    opFail('learningRate')('schedule', 'must be a function of the training step', schedule);
  }
  return new LearningRate(schedule);
}
