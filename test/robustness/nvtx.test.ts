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
      const ranges = join(folder, 'ranges');
      expectScript(
        `const { tf, norm } = require(source);
       const x = tf.ones([2, 3, 6]);
       tf.grad((t) => norm.ops.groupNorm(t, { groups: 3 }))(x);
       norm.ops.layerNorm(x);
       norm.ops.layerNorm(x);
       norm.ops.rmsNorm(x);
       norm.ops.batchNorm(x, { movingMean: tf.zeros([6]), movingVariance: tf.ones([6]) });
       try { norm.ops.groupNorm(x, { groups: 4 }); } catch {}`,
        {
          [VARIABLE]: join(libraryFolder, 'libtfjs_cuda_norm_profile.so'),
          TFJS_CUDA_NORM_PROFILE: ranges,
        },
      );
      const lines = readFileSync(ranges, 'utf8').trim().split('\n');
      const found = lines.map((line) => JSON.parse(line));
      expect(found.map(({ range, calls }) => [range, calls])).toEqual([
        ['TfjsGroupNorm x[2,3,6]', 1],
        ['TfjsGroupNormGrad x[2,3,6]', 1],
        ['TfjsLayerNorm x[2,3,6]', 2],
        ['TfjsRmsNorm x[2,3,6]', 1],
        ['TfjsBatchNorm x[2,3,6]', 1],
      ]);
      for (const { least, most, total, calls } of found) {
        expect(least).toBeGreaterThan(0);
        expect(most).toBeGreaterThanOrEqual(least);
        expect(total).toBe(calls === 1 ? least : least + most);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
