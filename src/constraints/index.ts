/** The members of `norm.constraints`. */
export { Clip, clip } from './clip';
export { ProjectNorm, projectNorm } from './projectNorm';
