/**
 * An argument that an op or a layer does not accept. Ops say `groupNorm: groups must divide the 30 channels, got 32`,
 * layers `GroupNormalization: groups must divide the 30 channels. Received: groups=32`.
 *
 * Errors of the native library (memory, devices) are TensorFlow's own and pass through unchanged.
 */
export class NormError extends Error {
  override readonly name = 'NormError';

  constructor(
    message: string,
    /** The op or layer class. */
    readonly op: string,
    readonly argument: string,
    readonly expected: string,
    readonly received: unknown,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Throws a {@link NormError} about one argument. */
export type Fail = (
  argument: string,
  expected: string,
  received: unknown,
  cause?: unknown,
) => never;

/** A value as an error message shows it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (Array.isArray(value)) return `[${value.map(show).join(',')}]`;
  if (value && typeof value === 'object') {
    try {
      const text = JSON.stringify(value);
      return text.length > 120 ? `${text.slice(0, 117)}...` : text;
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return String(value);
}

/** For an op: `groupNorm: groups must ..., got 32`. */
export function opFail(op: string): Fail {
  return (argument, expected, received, cause) => {
    const message = `${op}: ${argument} ${expected}, got ${show(received)}`;
    throw new NormError(message, op, argument, expected, received, cause ? { cause } : undefined);
  };
}

/** For a layer, in Keras' words: `GroupNormalization: groups must .... Received: groups=32`. */
export function layerFail(className: string): Fail {
  return (argument, expected, received, cause) => {
    const message = `${className}: ${argument} ${expected}. Received: ${argument}=${show(received)}`;
    throw new NormError(
      message,
      className,
      argument,
      expected,
      received,
      cause ? { cause } : undefined,
    );
  };
}
