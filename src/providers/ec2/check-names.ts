import type { Cancel, ProviderProblem } from '../provider.ts';
import type { Wanted } from './wanted.ts';
import type { Ec2Api } from './api.ts';

import { ifTold } from './if-told.ts';
import type { Ec2Options } from './options.ts';

type Named = { readonly name: string };

/** Key pairs and placement groups that services name. */
export async function checkNames(
  api: Pick<Ec2Api, 'describeKeyPairs' | 'describePlacementGroups' | 'region'>,
  wanted: readonly Wanted[],
  cancel: Cancel,
): Promise<readonly ProviderProblem[]> {
  const kinds = [
    {
      what: 'key pair',
      nameOf: ({ keyName }: Ec2Options) => keyName,
      ask: (names: readonly string[]): Promise<readonly Named[]> =>
        api.describeKeyPairs({ 'key-name': names }, cancel),
      hint: 'List them with: aws ec2 describe-key-pairs; without keyName, one is made for the deployment.',
    },
    {
      what: 'placement group',
      nameOf: ({ placementGroup }: Ec2Options) => placementGroup,
      ask: (names: readonly string[]): Promise<readonly Named[]> =>
        api.describePlacementGroups({ 'group-name': names }, cancel),
      hint: 'List them with: aws ec2 describe-placement-groups',
    },
  ];
  const problems: ProviderProblem[] = [];
  for (const { what, nameOf, ask, hint } of kinds) {
    const names = [...new Set(wanted.flatMap(({ options }) => nameOf(options) ?? []))];
    const found = names.length === 0 ? null : await ifTold(() => ask(names));
    if (found === null) continue;
    const known = new Set(found.map(({ name }) => name));
    for (const { service, options } of wanted) {
      const name = nameOf(options);
      if (name === null || known.has(name)) continue;
      problems.push({
        service,
        message: `Cannot use ${what} "${name}": there is no such ${what} in ${api.region}`,
        hint,
      });
    }
  }
  return problems;
}
