import { type NativeAddon, type NativeDescription, nativeLibrary } from '../../src/native';

function library() {
  if (!nativeLibrary) throw new Error('no native library is loaded');
  return nativeLibrary;
}

/** The addon with its library loaded, for tests that need more than the public surface. */
export const addon = (): NativeAddon => library().addon;

export const addonDescription = (): NativeDescription => library().description;
