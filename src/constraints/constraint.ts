/** What our constraints are made from. */
import type { serialization } from '@tensorflow/tfjs-node';
import type { Constraint as TfjsConstraint } from '../core/layerArguments';
import { tf } from '../tensorflow';

type ConstraintClass = Pick<typeof serialization.Serializable, 'fromConfig'> &
  (abstract new () => TfjsConstraint);

/** tfjs does not export the class that its layers ask a constraint to be of. */
export const Constraint = Object.getPrototypeOf(
  tf.constraints.nonNeg().constructor,
) as ConstraintClass;
