/** Residual networks without normalization, ready to train. */
import type { Sequential } from '@tensorflow/tfjs-node';
import { checkChoice, checkInteger, checkOptions } from '../core/checks';
import { checkSeed } from '../core/dropout';
import { type Fail, opFail } from '../core/errors';
import type { InitializerArgument, RegularizerArgument } from '../core/layerArguments';
import { fixup } from '../initializers/fixup';
import { FixupBasicBlock, FixupBottleneckBlock, type FixupShortcut } from '../norms/fixupBlocks';
import { ScalarBias } from '../norms/fixupLayers';
import { tf } from '../tensorflow';

/** Arguments of {@link fixupResNet}. */
export interface FixupResNetArgs {
  /** Layers with weights on the way from input to output; see {@link fixupResNet} for those that there are. */
  depth: number;
  /** Default 'cifar'. */
  layout?: 'cifar' | 'imageNet';
  /** Of the blocks, where layout is 'cifar'. With 'imageNet' the depth says it. Default 'basic'. */
  block?: 'basic' | 'bottleneck';
  /** [height, width, channels]. Default [32, 32, 3] or, with 'imageNet', [224, 224, 3]. */
  inputShape?: number[];
  /** Default 10 or, with 'imageNet', 1000. */
  classes?: number;
  /** Channels of the first blocks' 3x3 convolutions, twice as many in every further stage. Default 16 or, with 'imageNet', 64. */
  filters?: number;
  /** Default 'padZero' or, with 'imageNet', 'auto', as in the authors' code. */
  shortcut?: FixupShortcut;
  /** The fan of the kernels' deviations. Default 'fanOut'. */
  mode?: 'fanOut' | 'fanIn';
  /** An integer: the same weights every time. Default random. */
  seed?: number | null;
  /** Of all kernels in the blocks, in place of Fixup's rules: for comparisons. Default Fixup's rules. */
  kernelInitializer?: InitializerArgument | null;
  /** Of all kernels. Default none. */
  kernelRegularizer?: RegularizerArgument;
  /** Of the model. Default 'fixup_resnet_' and the depth. */
  name?: string;
}

const NAMES = [
  'depth',
  'layout',
  'block',
  'inputShape',
  'classes',
  'filters',
  'shortcut',
  'mode',
  'seed',
  'kernelInitializer',
  'kernelRegularizer',
  'name',
];

/** Blocks in each stage by depth. */
const IMAGENET: Record<number, { block: 'basic' | 'bottleneck'; stages: number[] }> = {
  18: { block: 'basic', stages: [2, 2, 2, 2] },
  34: { block: 'basic', stages: [3, 4, 6, 3] },
  50: { block: 'bottleneck', stages: [3, 4, 6, 3] },
  101: { block: 'bottleneck', stages: [3, 4, 23, 3] },
  152: { block: 'bottleneck', stages: [3, 8, 36, 3] },
};
const EXPANSION = 4;

function planOf(fail: Fail, { depth, layout, block: given }: Partial<FixupResNetArgs>) {
  if (layout === 'imageNet') {
    if (given !== undefined) fail('block', "must not be given with layout 'imageNet'", given);
    const depths = Object.keys(IMAGENET).join(', ');
    return (
      IMAGENET[depth as number] ?? fail('depth', `must be one of ${depths} for 'imageNet'`, depth)
    );
  }
  const block = checkChoice(fail, 'block', ['basic', 'bottleneck'] as const, given ?? 'basic');
  const layers = block === 'basic' ? 2 : 3;
  const blocks = ((depth as number) - 2) / (3 * layers);
  if (!Number.isSafeInteger(blocks) || blocks < 1) {
    const depths = [1, 2, 3].map((n) => 3 * layers * n + 2);
    const rule = `must be ${3 * layers}n + 2 with n of 1 or more`;
    fail('depth', `${rule} (${depths.join(', ')}, ...) for ${block} blocks`, depth);
  }
  return { block, stages: [blocks, blocks, blocks] };
}

/**
 * A residual network without normalization by Fixup, as a model that is ready to be compiled: convolutions without bias,
 * learned scalars, a dense softmax layer at the end, which starts at 0, so that the first loss is the logarithm of the number
 * of classes.
 *
 * `layout` 'cifar': a 3x3 convolution and three stages, of n blocks each. `depth` is 6n + 2 with basic blocks (20, 32, 44,
 * 50, 56, 110) and 9n + 2 with bottleneck blocks. 'imageNet': a 7x7 convolution with strides 2, 3x3 max pooling, four stages;
 * `depth` 18 or 34 (basic blocks), 50, 101 or 152 (bottleneck blocks).
 *
 *     const model = norm.fixupResNet({ depth: 50 });
 *     model.compile({ optimizer: norm.optimizers.withGroups(tf.train.momentum(0.1, 0.9), norm.optimizers.fixupGroups()),
 *                     loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
 *
 * Throws a `NormError` for arguments out of their domain, a depth of 0 or any other that there is not among them.
 *
 * Paper: Zhang, Dauphin & Ma, Fixup Initialization, arXiv 1901.09321.
 */
export function fixupResNet(args: FixupResNetArgs): Sequential {
  const fail = opFail('fixupResNet');
  const given: Partial<FixupResNetArgs> = checkOptions(fail, args);
  for (const [name, value] of Object.entries(given)) {
    if (!NAMES.includes(name)) {
      fail(name, `is not an argument; there are ${NAMES.join(', ')}`, value);
    }
  }
  const layouts = ['cifar', 'imageNet'] as const;
  const layout = checkChoice(fail, 'layout', layouts, given.layout ?? 'cifar');
  const large = layout === 'imageNet';
  const { block, stages } = planOf(fail, { ...given, layout });
  const depth = given.depth as number;
  const classes = checkInteger(fail, 'classes', given.classes ?? (large ? 1000 : 10), 1);
  const filters = checkInteger(fail, 'filters', given.filters ?? (large ? 64 : 16), 1);
  const inputShape = given.inputShape ?? (large ? [224, 224, 3] : [32, 32, 3]);
  const known = (extent: unknown) => Number.isSafeInteger(extent) && (extent as number) > 0;
  if (!Array.isArray(inputShape) || inputShape.length !== 3 || !inputShape.every(known)) {
    fail('inputShape', 'must be [height, width, channels], of 1 or more', given.inputShape);
  }
  const seed = given.seed == null ? null : checkSeed(fail, given.seed);
  const { mode = 'fanOut', kernelInitializer, kernelRegularizer } = given;
  const { shortcut = large ? 'auto' : 'padZero', name = `fixup_resnet_${depth}` } = given;
  const numBranches = stages.reduce((a, b) => a + b);
  const ofBlocks = { numBranches, shortcut, mode, kernelInitializer, kernelRegularizer };
  const Block = block === 'basic' ? FixupBasicBlock : FixupBottleneckBlock;
  /** Far enough from each other for the kernels of a block. */
  const seedOf = (number: number) => (seed === null ? null : seed + 8 * number);

  const model = tf.sequential({ name });
  model.add(
    tf.layers.conv2d({
      name: 'stem',
      inputShape,
      filters,
      kernelSize: large ? 7 : 3,
      strides: large ? 2 : 1,
      padding: 'same',
      useBias: false,
      // Outside of the branches: not scaled.
      kernelInitializer: fixup({ numBranches: 1, mode, seed: seedOf(0) }) as never,
      kernelRegularizer: kernelRegularizer as never,
    }),
  );
  model.add(new ScalarBias({ name: 'stem_bias', activation: 'relu' }));
  if (large) {
    model.add(tf.layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }));
  }
  let number = 0;
  for (const [stage, blocks] of stages.entries()) {
    const channels = filters * 2 ** stage * (block === 'basic' ? 1 : EXPANSION);
    for (let i = 0; i < blocks; i++) {
      number++;
      model.add(
        new Block({
          ...ofBlocks,
          name: `stage${stage + 1}_block${i + 1}`,
          filters: channels,
          strides: stage > 0 && i === 0 ? 2 : 1,
          seed: seedOf(number),
        }),
      );
    }
  }
  model.add(tf.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }));
  model.add(new ScalarBias({ name: 'classifier_input_bias' }));
  model.add(
    tf.layers.dense({
      name: 'classifier',
      units: classes,
      activation: 'softmax',
      kernelInitializer: 'zeros',
      kernelRegularizer: kernelRegularizer as never,
    }),
  );
  return model;
}
