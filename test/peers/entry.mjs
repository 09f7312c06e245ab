// What run.mjs bundles: tfjs-core's specs, registered when asked for.
import '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { setTestEnvs } from '@tensorflow/tfjs-core/dist/jasmine_util';

/** Call with jasmine's globals in place. */
export function registerSpecs(testEnv) {
  setTestEnvs([testEnv]);
  require('@tensorflow/tfjs-core/dist/tests');
}
