import type { Cancel, ProviderProblem } from '../provider.ts';
import { alternativesOf } from './alternatives.ts';
import type { Wanted } from './wanted.ts';
import type { Ec2Api, Ec2Image, Ec2InstanceType, Ec2Subnet } from './api.ts';

import { ifTold } from './if-told.ts';

type Types = Pick<Ec2Api, 'describeInstanceTypes' | 'zonesOfTypes' | 'region'>;
type Zones = ReadonlyMap<string, readonly string[]>;

/** Whether the services' types exist, run their images and are offered in their zones. `types`: by name. */
export async function checkTypes(
  api: Types,
  wanted: readonly Wanted[],
  known: {
    readonly images: ReadonlyMap<string, Ec2Image>;
    readonly subnets: ReadonlyMap<string, Ec2Subnet> | null;
  },
  cancel: Cancel,
): Promise<{
  readonly problems: readonly ProviderProblem[];
  readonly types: ReadonlyMap<string, Ec2InstanceType>;
}> {
  const names = [...new Set(wanted.flatMap(({ options }) => options.instanceTypes))];
  const found = await ifTold(() => api.describeInstanceTypes(names, cancel));
  if (found === null) return { problems: [], types: new Map() };
  const types = new Map(found.map((type) => [type.name, type]));
  const zones = types.size === 0 ? null : await ifTold(() => api.zonesOfTypes([...types.keys()], cancel));
  const problems = wanted.flatMap((one) => {
    const ofTypes = one.options.instanceTypes.flatMap((name) => {
      const type = types.get(name);
      return type === undefined
        ? [unknownType(one, name, api.region)]
        : unfit(one, type, known.images.get(one.service));
    });
    if (ofTypes.length > 0 || zones === null) return ofTypes;
    return notOffered(one, known.subnets, zones, api.region);
  });
  return { problems, types };
}

function unknownType({ service }: Wanted, name: string, region: string): ProviderProblem {
  return {
    service,
    message: `Cannot launch "${name}": there is no such instance type in ${region}`,
    hint: `List them with: aws ec2 describe-instance-type-offerings --region ${region}`,
  };
}

function unfit(
  { service }: Wanted,
  { name, architectures }: Ec2InstanceType,
  image: Ec2Image | undefined,
): readonly ProviderProblem[] {
  if (image === undefined || architectures.length === 0 || architectures.includes(image.architecture))
    return [];
  return [
    {
      service,
      message: `Cannot start "${name}" from image "${image.id}": the image is ${image.architecture}, the type ${architectures.join(' or ')}`,
      hint: 'Name an image and types of the same architecture.',
    },
  ];
}

/** One way to launch is enough: the others are passed over. */
function notOffered(
  { service, options }: Wanted,
  subnets: ReadonlyMap<string, Ec2Subnet> | null,
  offered: Zones,
  region: string,
): readonly ProviderProblem[] {
  const isOffered = alternativesOf(options.instanceTypes, options.subnetIds).some(
    ({ instanceType, subnetId }) => {
      const zone = subnetId === null ? undefined : subnets?.get(subnetId)?.zone;
      const zones = offered.get(instanceType) ?? [];
      return zone === undefined ? zones.length > 0 : zones.includes(zone);
    },
  );
  if (isOffered) return [];
  const zones = new Set(options.subnetIds.flatMap((id) => subnets?.get(id)?.zone ?? []));
  const where = zones.size === 0 ? region : [...zones].join(', ');
  const elsewhere = new Set(options.instanceTypes.flatMap((name) => offered.get(name) ?? []));
  return [
    {
      service,
      message: `Cannot launch ${options.instanceTypes.map((name) => `"${name}"`).join(' or ')}: not offered in ${where}`,
      hint:
        elsewhere.size === 0
          ? 'Name another type, or a list of types.'
          : `Name another type, or subnets in ${[...elsewhere].toSorted().join(', ')}.`,
    },
  ];
}
