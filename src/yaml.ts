import { parse } from 'yaml';

export { isAlias, isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
export type { Pair, Scalar, YAMLError } from 'yaml';

/** The plain value of a YAML or JSON text. Throws when it is neither. */
export function yamlValue(text: string): unknown {
  return parse(text, { logLevel: 'error' });
}
