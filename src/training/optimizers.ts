/** The members of `norm.optimizers`. */
export { AdaptiveGradClipOptimizer, adaptiveGradClip } from './gradClipOptimizer';
export { fixupGroups, GroupedOptimizer, withGroups } from './withGroups';
