/** The NVTX ranges that a profiler sees, through NVTX's own injection hook: no profiler, no GPU. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryFolder } from '../../src/native';
import { native } from '../support/askedDevice';
import { expectScript } from '../support/child';

// The tool is built where NVTX's header is, which comes with the CUDA compiler.
const tool = join(libraryFolder, 'libnorm_nvtx_injection.so');

(native && existsSync(tool) ? test : test.skip)(
  'each op call is a range of domain tfjs-cuda-norm that names op and shape',
  () => {
    const tool = join(libraryFolder, 'libnorm_nvtx_injection.so');
    expect(existsSync(tool)).toBe(true);
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
        { NVTX_INJECTION64_PATH: tool, NORM_NVTX_LOG: log },
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
  },
);
