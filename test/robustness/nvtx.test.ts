/** The NVTX ranges that a profiler sees, through NVTX's own injection hook: no profiler, no GPU. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryFolder, nativeLibrary } from '../../src/native';
import { asked } from '../support/askedDevice';
import { expectScript } from '../support/child';

// NVTX's header comes with the CUDA compiler; its code in our library reads this variable to find an injected tool.
const VARIABLE = 'NVTX_INJECTION64_PATH';
const withoutRanges = !nativeLibrary
  ? `the ops are ${asked}`
  : !readFileSync(nativeLibrary.path).includes(VARIABLE) &&
    `${nativeLibrary.path} was built without the NVTX header`;

if (withoutRanges) {
  test.skip(`ranges: ${withoutRanges}`, () => {});
} else {
  test('each op call is a range of domain tfjs-cuda-norm that names op and shape', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tfjs-cuda-norm-'));
    try {
      const log = join(folder, 'nvtx.log');
      expectScript(
        `const { tf, norm } = require(source);
       const x = tf.ones([2, 3, 6]);
       tf.grad((t) => norm.ops.groupNorm(t, { groups: 3 }))(x);
       norm.ops.layerNorm(x);
       norm.ops.rmsNorm(x);
       norm.ops.batchNorm(x, { movingMean: tf.zeros([6]), movingVariance: tf.ones([6]) });
       try { norm.ops.groupNorm(x, { groups: 4 }); } catch {}`,
        { [VARIABLE]: join(libraryFolder, 'libnorm_nvtx_injection.so'), NORM_NVTX_LOG: log },
      );
      const lines = readFileSync(log, 'utf8').trim().split('\n');
      expect(lines).toContain('domain tfjs-cuda-norm');
      const ranges = lines.filter((line) => line.startsWith('push '));
      expect(ranges).toEqual([
        'push tfjs-cuda-norm: TfjsGroupNorm x[2,3,6]',
        'push tfjs-cuda-norm: TfjsGroupNormGrad x[2,3,6]',
        'push tfjs-cuda-norm: TfjsLayerNorm x[2,3,6]',
        'push tfjs-cuda-norm: TfjsRmsNorm x[2,3,6]',
        'push tfjs-cuda-norm: TfjsBatchNorm x[2,3,6]',
      ]);
      expect(lines.filter((line) => line.startsWith('pop '))).toHaveLength(ranges.length);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
