/** Runs one test; child.cjs counts. */
export type Test = (name: string, body: () => void | Promise<void>) => Promise<void>;
