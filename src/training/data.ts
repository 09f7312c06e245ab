/** The members of `norm.data`. */
export { mixup } from './mixup';
