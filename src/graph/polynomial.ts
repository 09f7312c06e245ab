/**
 * What nodes compute, as polynomials in named values: `x * r * gamma - mean * r * gamma + beta`, in whichever order the
 * exporter wrote it down.
 */
import { type Constants, type GraphNode, type Source, sourceOf, text } from './nodes';

/** A product of values, sorted, and how often it is added. */
export interface Term {
  factors: string[];
  count: number;
}

export type Polynomial = Map<string, Term>;

const of = (...factors: string[]): Polynomial =>
  new Map([[factors.join(' '), { factors, count: 1 }]]);

function combine(terms: Iterable<Term>): Polynomial {
  const sum: Polynomial = new Map();
  for (const { factors, count } of terms) {
    const key = factors.join(' ');
    const total = (sum.get(key)?.count ?? 0) + count;
    if (total === 0) sum.delete(key);
    else sum.set(key, { factors, count: total });
  }
  return sum;
}

const add = (a: Polynomial, b: Polynomial) => combine([...a.values(), ...b.values()]);
const negate = (a: Polynomial) =>
  combine([...a.values()].map(({ factors, count }) => ({ factors, count: -count })));
const multiply = (a: Polynomial, b: Polynomial) =>
  combine(
    [...a.values()].flatMap((one) =>
      [...b.values()].map((other) => ({
        factors: [...one.factors, ...other.factors].sort(),
        count: one.count * other.count,
      })),
    ),
  );

// An expression of a normalizer has four terms at most; a network behind it could have any number.
const MOST_TERMS = 12;

export const PARAMETER = 'constant:';

export interface Scope {
  /** Values that have a name of their own. */
  named?: Map<string, string>;
  /** Square roots whose reciprocal has a name: dividing by one is multiplying by the other. */
  roots?: Map<string, string>;
  /** The nodes to look into; all others are values by themselves. */
  within(node: GraphNode): boolean;
}

/** Writes nodes as polynomials. */
export class Polynomials {
  private readonly known = new Map<string, Polynomial>();

  constructor(
    private readonly constants: Constants,
    private readonly scope: Scope,
  ) {}

  ofNode(node: GraphNode): Polynomial {
    return this.ofSource({ node, name: node.name });
  }

  private ofSource({ node, name }: Source): Polynomial {
    const known = this.known.get(name);
    if (known) return known;
    this.known.set(name, of(name));
    const value = this.find(node, name);
    this.known.set(name, value);
    return value;
  }

  private find(node: GraphNode, name: string): Polynomial {
    const given = this.scope.named?.get(name);
    if (given !== undefined) return of(given);
    if (name !== node.name) return of(name);
    if (this.constants.has(node)) return of(PARAMETER + name);
    const value = this.scope.within(node) ? this.computed(node) : undefined;
    return value && value.size <= MOST_TERMS ? value : of(name);
  }

  private computed(node: GraphNode): Polynomial | undefined {
    const input = (index: number): Polynomial | undefined => {
      const source = sourceOf(node, index);
      return source && this.ofSource(source);
    };
    const both = (of: (a: Polynomial, b: Polynomial) => Polynomial) => {
      const [a, b] = [input(0), input(1)];
      return a && b && of(a, b);
    };
    switch (node.op) {
      case 'Identity':
      case 'StopGradient':
      case 'Snapshot':
        return input(0);
      case 'Neg': {
        const a = input(0);
        return a && negate(a);
      }
      case 'Add':
      case 'AddV2':
        return both(add);
      case 'BiasAdd':
        return text(node, 'data_format') === 'NCHW' ? undefined : both(add);
      case 'AddN': {
        const all = node.inputs.map((_, index) => input(index));
        return all.every((one) => one !== undefined) ? all.reduce(add) : undefined;
      }
      case 'Sub':
        return both((a, b) => add(a, negate(b)));
      case 'Mul':
        return both(multiply);
      case 'RealDiv': {
        const reciprocal = this.scope.roots?.get(sourceOf(node, 1)?.name ?? '');
        const a = input(0);
        return reciprocal !== undefined && a ? multiply(a, of(reciprocal)) : undefined;
      }
      default:
        return undefined;
    }
  }
}

/** Constants to multiply, and products of constants to add up. */
export interface Affine {
  scale: string[];
  offset: Term[];
}

export const isParameter = (factor: string) => factor.startsWith(PARAMETER);
const without = (factors: string[], taken: string[]): string[] | undefined => {
  const rest = [...factors];
  for (const one of taken) {
    const at = rest.indexOf(one);
    if (at < 0) return undefined;
    rest.splice(at, 1);
  }
  return rest.every(isParameter) ? rest : undefined;
};

/** The coefficients of `scale * (sum of the given products) + offset`; undefined where it is not of that form. */
export function affineIn(polynomial: Polynomial, products: Term[]): Affine | undefined {
  const rest = [...polynomial.values()];
  let scale: string[] | undefined;
  for (const { factors, count } of products) {
    const at = rest.findIndex((term) => term.count === count && without(term.factors, factors));
    if (at < 0) return undefined;
    const own = without(rest[at]!.factors, factors)!;
    if (scale && scale.join(' ') !== own.join(' ')) return undefined;
    scale = own;
    rest.splice(at, 1);
  }
  if (!scale || !rest.every(({ factors }) => factors.length > 0 && factors.every(isParameter)))
    return undefined;
  return { scale, offset: rest };
}
