// The C++ compiler of this machine.
import { StepProblem } from './context.mjs';
import { which } from './process.mjs';

/** Names to look for, the user's own first. */
export const cxxNames = (env) => [env.CXX, 'c++', 'g++', 'clang++'].filter(Boolean);

/** The first that is there. Throws, for the step, where none is: `what` must be compiled, without it `works` does. */
export function requireCxx({ env }, step, what, works) {
  const compiler = cxxNames(env).find((name) => which(name, env));
  if (!compiler) {
    throw new StepProblem(step, {
      why: `${what}, and there is no C++ compiler (looked for CXX, c++, g++, clang++)`,
      fix: 'install one (Debian, Ubuntu: apt install build-essential), then run again',
      works,
    });
  }
  return compiler;
}
