import { loadNative, type NativeAddon } from '../../src/native';

/** The addon with its library loaded, for tests that need more than the public surface. */
export function addon(): NativeAddon {
  const loaded = loadNative();
  if (!loaded) throw new Error('no native library is loaded');
  return loaded as never;
}
