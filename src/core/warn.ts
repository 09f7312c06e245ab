/** What the user should know, though nothing is wrong yet. */
export function warn(message: string): void {
  console.warn(`tfjs-cuda-norm: ${message}`);
}
