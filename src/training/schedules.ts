/** The members of `norm.schedules`: arguments of layers and optimizers as functions of the training step. */
import type { RenormClipping } from '../core/checks';
import { opFail } from '../core/errors';

export { learningRate, linearWarmup, quadraticWarmup, setLearningRate } from './warmup';

/** Options of {@link renormClipping}. */
export interface RenormClippingSchedule {
  /** Until this step training is that of batch normalization. Default 5000. */
  start?: number;
  /** The last rmax, 1 or more. Default 3. */
  rmax?: number;
  /** The step from which on it holds. Default 40000. */
  rmaxStep?: number;
  /** The last dmax. Default 5. */
  dmax?: number;
  /** The step from which on it holds. Default 25000. */
  dmaxStep?: number;
}

/**
 * The bounds of batch renormalization at a training step, by the paper's schedule: rmax 1 and dmax 0 at first, then both
 * grow linearly; rmin is 1 / rmax.
 *
 *     let step = 0;
 *     model.fit(x, y, { callbacks: {
 *       onBatchBegin: async () => { layer.renormClipping = norm.schedules.renormClipping(step++); },
 *     } });
 *
 * Throws a `NormError` for a step that is not a number, for a bound out of its domain and for a growth that ends before
 * it starts.
 *
 * Paper: Ioffe, Batch Renormalization, arXiv 1702.03275, section 4.
 */
export function renormClipping(
  step: number,
  options: RenormClippingSchedule = {},
): Required<RenormClipping> {
  const fail = opFail('renormClipping');
  const { start = 5000, rmax = 3, rmaxStep = 40_000, dmax = 5, dmaxStep = 25_000 } = options;
  if (!Number.isFinite(step)) fail('step', 'must be a number', step);
  if (!Number.isFinite(start)) fail('start', 'must be a number', start);
  if (!(rmax >= 1 && rmax < Infinity)) fail('rmax', 'must be a number of 1 or more', rmax);
  if (!(dmax >= 0 && dmax < Infinity)) fail('dmax', 'must be a number of 0 or more', dmax);
  const grown = (name: 'rmaxStep' | 'dmaxStep', end: number): number => {
    if (!(end >= start && end < Infinity)) fail(name, `must be a step from ${start} on`, end);
    return step < start ? 0 : step >= end ? 1 : (step - start) / (end - start);
  };
  const r = 1 + (rmax - 1) * grown('rmaxStep', rmaxStep);
  return { rmax: r, rmin: 1 / r, dmax: dmax * grown('dmaxStep', dmaxStep) };
}
