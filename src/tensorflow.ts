/** Finds and loads the user's own tfjs-node; plain tfjs where that does not load. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { failed, failures, messageOf, succeeded } from './core/report';

/** `@tensorflow/tfjs-node`. Where only plain `@tensorflow/tfjs` loads, `tf.node` is undefined. */
export type TensorFlowJs = typeof import('@tensorflow/tfjs-node');

interface LoadedTensorFlow {
  tf: TensorFlowJs;
  /** The folder of the tfjs-node package, where it loaded. */
  nodePackage?: string;
}

const PACKAGES = ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'];
const SETUP = 'run "npx tfjs-cuda-norm setup"';

/** The program's folder first: with a linked package, ours may see another tfjs-node than the program does. */
function searchPaths(): string[] {
  const script = process.argv[1];
  const program = script && existsSync(script) ? [dirname(realpathSync(script))] : [];
  return [...program, __dirname, process.cwd()];
}

function resolve(request: string, paths: string[]): string | undefined {
  try {
    return require.resolve(request, { paths });
  } catch {
    return undefined;
  }
}

function alreadyLoaded(): string | undefined {
  const entry = /[\\/]@tensorflow[\\/]tfjs-node(-gpu)?[\\/]dist[\\/]index\.js$/;
  return Object.keys(require.cache).find((file) => entry.test(file) && require.cache[file]?.loaded);
}

function prepareProcess(): void {
  // tfjs-node 4.22.0 calls these two; Node 23 has removed them.
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  old.isArray ??= Array.isArray;
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
}

function loadNode(): LoadedTensorFlow | undefined {
  const found =
    alreadyLoaded() ??
    PACKAGES.map((name) => resolve(name, searchPaths())).find((file) => file !== undefined);
  if (!found) {
    const fix = 'run "npm install @tensorflow/tfjs-node@4.22.0", then "npx tfjs-cuda-norm setup"';
    failed(
      'tfjs-node',
      `@tensorflow/tfjs-node is not installed (looked from ${searchPaths().join(', ')})`,
      fix,
    );
    return undefined;
  }
  const nodePackage = dirname(dirname(found));
  prepareProcess();
  try {
    const tf = require(found) as TensorFlowJs;
    succeeded('tfjs-node', `${nodePackage}, tfjs ${tf.version.tfjs}`);
    return { tf, nodePackage };
  } catch (error) {
    failed('tfjs-node', `${nodePackage} does not load: ${messageOf(error)}`, SETUP);
    return undefined;
  }
}

function loadPlain(): LoadedTensorFlow {
  const node = PACKAGES.map((name) => resolve(`${name}/package.json`, searchPaths())).find(Boolean);
  const found = resolve('@tensorflow/tfjs', [...(node ? [dirname(node)] : []), ...searchPaths()]);
  if (!found) {
    throw new Error(
      `tfjs-cuda-norm needs @tensorflow/tfjs-node or @tensorflow/tfjs: ${failures()}`,
    );
  }
  const tf = require(found) as TensorFlowJs;
  tf.setBackend('cpu');
  return { tf };
}

const loaded = loadNode() ?? loadPlain();

/** The tfjs that ops, layers and models of this package belong to: the user's own. */
export const tf: TensorFlowJs = loaded.tf;

/** Whether tfjs-node loaded, so that there is a backend `tensorflow`. */
export const hasTensorFlow = loaded.nodePackage !== undefined;

/** The backend that tensors live on unless the user changes it. */
export const defaultBackend = hasTensorFlow ? 'tensorflow' : 'cpu';

/** libtensorflow as tfjs-node loaded it, in the order to load: the framework, then the rest. */
export function libtensorflowFiles(): string[] {
  if (!loaded.nodePackage) return [];
  const folder = join(loaded.nodePackage, 'deps', 'lib');
  const choices = [
    ['libtensorflow_framework.so.2', 'libtensorflow_framework.so'],
    ['libtensorflow_cc.so.2', 'libtensorflow.so.2', 'libtensorflow.so'],
  ];
  return choices.flatMap((names) => {
    const file = names.map((name) => join(folder, name)).find(existsSync);
    return file ? [file] : [];
  });
}

/** Whether TensorFlow has a GPU and puts tensors on it. */
export function hasTensorFlowGpu(): boolean {
  if (!hasTensorFlow) return false;
  return (tf.findBackend('tensorflow') as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
}
