/** What happened while the package loaded, for {@link norm.loadReport}, `doctor` and error messages. */

/** What the user asks for through TFJS_CUDA_NORM_DEVICE. */
export const ASKABLE = ['auto', 'cuda', 'host', 'emulated', 'composed'] as const;
export type AskedDevice = (typeof ASKABLE)[number];

/** Where the ops run. */
export type Device = 'cuda' | 'emulated' | 'host' | 'composed';

export interface LoadStep {
  step: 'tfjs-node' | 'addon' | 'library' | 'registration';
  ok: boolean;
  /** What was found, or why it failed. */
  message: string;
  /** What to do about a failure. */
  fix?: string;
}

const steps: LoadStep[] = [];

export function succeeded(step: LoadStep['step'], message: string): void {
  steps.push({ step, ok: true, message });
}

export function failed(step: LoadStep['step'], message: string, fix: string): void {
  steps.push({ step, ok: false, message, fix });
}

export function loadSteps(): LoadStep[] {
  return steps.map((step) => ({ ...step }));
}

/** The failures in one sentence, with what to do. */
export function failures(): string {
  return steps
    .filter(({ ok }) => !ok)
    .map(({ message, fix }) => `${message} (${fix})`)
    .join('; ');
}

export function messageOf(error: unknown): string {
  return error instanceof Error || (error as Error)?.message
    ? (error as Error).message
    : String(error);
}

function readAsked(): AskedDevice {
  const value = process.env.TFJS_CUDA_NORM_DEVICE || 'auto';
  if (!(ASKABLE as readonly string[]).includes(value)) {
    throw new Error(`TFJS_CUDA_NORM_DEVICE must be one of ${ASKABLE.join(', ')}, got '${value}'`);
  }
  return value as AskedDevice;
}

/** TFJS_CUDA_NORM_DEVICE, read once. */
export const askedDevice: AskedDevice = readAsked();
