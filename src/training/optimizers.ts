/** The members of `norm.optimizers`. */
export { fixupGroups, GroupedOptimizer, withGroups } from './withGroups';
