import type { DraftOutput } from './draft.ts';
import type { Node } from './node.ts';
import { child, entriesOf, itemsOf, scalarOf, stringOf } from './node.ts';

/** The outputs that a service declares, in any of their forms. */
export function declaredOutputs(node: Node | undefined): readonly DraftOutput[] {
  const named = itemsOf(node).flatMap((item): DraftOutput[] => {
    const name = stringOf(item);
    return name === undefined ? [] : [{ name, place: item.place, sensitive: false, value: undefined }];
  });
  const mapped = [...entriesOf(node)].map(({ key, keyPlace, value }): DraftOutput => {
    if (value.kind !== 'map') return { name: key, place: keyPlace, sensitive: false, value: scalarOf(value) };
    const sensitive = child(value, 'sensitive');
    return {
      name: key,
      place: keyPlace,
      sensitive: sensitive?.kind === 'scalar' && sensitive.value === true,
      value: scalarOf(child(value, 'value')),
    };
  });
  return [...named, ...mapped];
}
