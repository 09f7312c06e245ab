// libtensorflow and the CUDA libraries in the user cache: the two builds, what is fetched once, what a stopped run left.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { which } from '../../scripts/setup/process.mjs';
import { ensureTensorflow } from '../../scripts/setup/tensorflow.mjs';
import { downloads, makeMachineWithWheels } from './wheels.mjs';

const options = { skip: which('python3') ? false : 'no python3' };
const CUDA = { build: 'cuda', libraries: true };

test(
  'the CPU and the CUDA build are kept apart, the CUDA libraries only where asked for',
  options,
  async (t) => {
    const machine = makeMachineWithWheels(t);
    const { context } = machine;
    const cpu = await ensureTensorflow(context);
    assert.equal(readFileSync(cpu.main, 'utf8'), 'main cpu');
    const cuda = await ensureTensorflow(context, { build: 'cuda' });
    assert.equal(readFileSync(cuda.main, 'utf8'), 'main cuda');
    assert.equal(cuda.nvidia, undefined);
    assert.deepEqual(readdirSync(join(cuda.main, '..')).sort(), [
      'include',
      'libtensorflow_cc.so.2',
      'libtensorflow_framework.so.2',
    ]);
    assert.deepEqual(downloads(machine), ['tensorflow-cpu', 'tensorflow']);
    const whole = await ensureTensorflow(context, CUDA);
    assert.deepEqual(readdirSync(whole.nvidia).sort(), [
      'cublas',
      'cuda_nvcc',
      'cuda_runtime',
      'cudnn',
    ]);
    assert.deepEqual(readdirSync(join(whole.nvidia, 'cudnn')), ['lib'], 'headers stay behind');
    assert.equal(downloads(machine).length, 6, 'TensorFlow itself was there');
    await ensureTensorflow(context, CUDA);
    assert.equal(downloads(machine).length, 6);
    assert.deepEqual(readdirSync(join(context.cache, 'downloads/CUDA-libraries')), []);
  },
);

test('a library that is gone is fetched again, alone', options, async (t) => {
  const machine = makeMachineWithWheels(t);
  const { nvidia } = await ensureTensorflow(machine.context, CUDA);
  rmSync(join(nvidia, 'cudnn'), { recursive: true });
  const before = downloads(machine).length;
  await ensureTensorflow(machine.context, CUDA);
  assert.deepEqual(downloads(machine).slice(before), ['nvidia-cudnn-cu12']);
  assert.ok(existsSync(join(nvidia, 'cudnn/lib/libcudnn.so.12')));
});

test('a disk without room is told before anything is fetched', options, async (t) => {
  const machine = makeMachineWithWheels(t);
  machine.context.freeBytes = () => 5e6;
  await assert.rejects(ensureTensorflow(machine.context, CUDA), (error) => {
    // Five wheels of 2 MB unpacked, one of 1 MB beside them, 200 MB to spare.
    assert.match(error.why, /takes 211 MB .* has 5 MB free/);
    assert.match(error.fix, /TFJS_CUDA_NORM_CACHE/);
    return true;
  });
  assert.deepEqual(downloads(machine), []);
  assert.equal(existsSync(join(machine.context.cache, 'libtensorflow')), false);
});

test("the list has every package of TensorFlow's extra and-cuda", () => {
  const list = readFileSync(
    new URL('../../scripts/requirements-tensorflow-cuda.txt', import.meta.url),
    'utf8',
  );
  const parts = [...list.matchAll(/^nvidia-([a-z-]+)-cu12==/gm)].map((match) => match[1]);
  assert.deepEqual(parts, [
    ...['cublas', 'cuda-cupti', 'cuda-nvcc', 'cuda-nvrtc', 'cuda-runtime', 'cudnn', 'cufft'],
    ...['curand', 'cusolver', 'cusparse', 'nccl', 'nvjitlink'],
  ]);
});
