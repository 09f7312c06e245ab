/** Where a layer keeps the kernel that its outputs are made with, and which of its axes are those of the outputs. */
import type { layers } from '@tensorflow/tfjs-node';
import type { Fail } from '../core/errors';
import type { LayerVariable } from '../core/layer';
import { tf } from '../tensorflow';

type Fields = Record<string, unknown>;

/** A field of a layer or of its cell that holds a kernel. */
export class KernelPlace {
  readonly variable: LayerVariable;

  constructor(
    private readonly owner: Fields,
    private readonly field: string,
    /** The axes of the outputs, counted from the end. */
    readonly axis: number | number[],
  ) {
    this.variable = owner[field] as LayerVariable;
  }

  /** Runs `body` with this in the place of the kernel. */
  with<T>(kernel: { read(): unknown }, body: () => T): T {
    return substituted(this.owner, { [this.field]: kernel }, body);
  }
}

/** Runs `body` while these fields of the layer have other values. */
export function substituted<T>(owner: object, values: Fields, body: () => T): T {
  const fields = owner as Fields;
  const own = Object.fromEntries(Object.keys(values).map((field) => [field, fields[field]]));
  Object.assign(fields, values);
  try {
    return body();
  } finally {
    Object.assign(fields, own);
  }
}

/** The class names of a layer and of the classes that it extends. */
function classNames(layer: object): string[] {
  const names: string[] = [];
  for (let at = Object.getPrototypeOf(layer); at; at = Object.getPrototypeOf(at)) {
    names.push(at.constructor.className);
  }
  return names;
}

const isVariable = (value: unknown): boolean =>
  typeof (value as { read?: unknown } | null | undefined)?.read === 'function';

/** Whether a layer repeats a cell, whose recurrent kernel is then the one. */
export function isRecurrent(layer: layers.Layer): boolean {
  return layer instanceof tf.RNN;
}

/** The kernel of a layer that is built. */
export function findKernel(fail: Fail, layer: layers.Layer): KernelPlace {
  const className = layer.getClassName();
  if (isRecurrent(layer)) {
    const { cell } = layer as unknown as { cell: Fields };
    if (isVariable(cell.recurrentKernel)) return new KernelPlace(cell, 'recurrentKernel', -1);
    return fail('layer', 'must have one cell with a recurrent kernel', className);
  }
  const fields = layer as unknown as Fields;
  // Of the two kernels of a separable convolution the one that the outputs are sums of.
  if (isVariable(fields.pointwiseKernel)) return new KernelPlace(fields, 'pointwiseKernel', -1);
  if (isVariable(fields.depthwiseKernel)) {
    return new KernelPlace(fields, 'depthwiseKernel', [-2, -1]);
  }
  if (isVariable(fields.kernel)) {
    const transposed = classNames(layer).some((name) => /^Conv[23]DTranspose$/.test(name));
    return new KernelPlace(fields, 'kernel', transposed ? -2 : -1);
  }
  const inner = fields.layer ?? fields.forwardLayer;
  return fail(
    'layer',
    inner ? 'must have a kernel; wrap the layer inside of it' : 'must have a kernel',
    className,
  );
}

/** Inputs and outputs of a layer, its channels for a convolution, whose kernel size cancels in their ratio. */
export function fansOf({ variable, axis }: KernelPlace): [number, number] {
  const shape = variable.shape as number[];
  const [last, before] = [shape.at(-1) ?? 1, shape.at(-2) ?? 1];
  if (Array.isArray(axis)) return [before, before * last];
  return axis === -2 ? [last, before] : [before, last];
}
