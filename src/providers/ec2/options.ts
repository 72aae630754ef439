import type { Json, Scalar } from '../../json.ts';
import type { LaunchRequest } from '../provider.ts';
import type { ImageSpec } from './image-spec.ts';
import { imageSpec } from './image-spec.ts';
import type { Kind, OptionReader } from './option-reader.ts';
import { FLAG, isMap, oneOf, optionReader, PRICE, text, texts, wholeNumber } from './option-reader.ts';
import type { OptionProblem } from './problem.ts';

/** What a service says under `image` and `ec2`. Null: not said, so that EC2 or the image decides. */
export interface Ec2Options {
  readonly image: ImageSpec;
  /** At least one; the preferred one first. */
  readonly instanceTypes: readonly string[];
  /** Empty: the default subnet. */
  readonly subnetIds: readonly string[];
  /** Null: the group made for the deployment. */
  readonly securityGroupIds: readonly string[] | null;
  /** Null: the key pair made for the deployment. */
  readonly keyName: string | null;
  /** Name or ARN. */
  readonly iamInstanceProfile: string | null;
  readonly associatePublicIp: boolean | null;
  readonly rootVolume: {
    readonly sizeGiB: number | null;
    readonly type: string | null;
    readonly encrypted: boolean | null;
  } | null;
  /** Null: on demand. `maxPrice` in US dollars an hour, as text; null: the price on demand. */
  readonly spot: { readonly maxPrice: string | null } | null;
  readonly userData: string | null;
  readonly httpTokens: 'required' | 'optional';
  readonly httpPutResponseHopLimit: number | null;
  readonly tenancy: 'default' | 'dedicated' | 'host' | null;
  readonly placementGroup: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

export type ReadOptions = { readonly kind: 'options'; readonly options: Ec2Options } | OptionProblem;

const INSTANCE_TYPES = ['t3.micro'];

/** Reads a service's request, or says what is wrong with it. */
export function readOptions(request: LaunchRequest): ReadOptions {
  const image = imageSpec(request.image);
  if (image.kind === 'problem') return image;
  const reader = optionReader(request.options, 'ec2');
  const options: Ec2Options = {
    image,
    instanceTypes: reader.take('instanceType', texts('a type such as t3.micro, or a list'), INSTANCE_TYPES),
    subnetIds: reader.take('subnetId', texts('the id of a subnet, or a list'), []),
    securityGroupIds: reader.take('securityGroupIds', texts('a list of ids of security groups'), null),
    keyName: reader.take('keyName', text('the name of a key pair'), null),
    iamInstanceProfile: reader.take('iamInstanceProfile', text('the name or ARN of a profile'), null),
    associatePublicIp: reader.take('associatePublicIp', FLAG, null),
    rootVolume: readRootVolume(reader.section('rootVolume')),
    spot: readSpot(request.options['spot'] ?? null, reader),
    userData: reader.take('userData', USER_DATA, null),
    ...readMetadata(reader.section('metadata')),
    tenancy: reader.take('tenancy', oneOf('default', 'dedicated', 'host'), null),
    placementGroup: reader.take('placementGroup', text('the name of a placement group'), null),
    tags: reader.take('tags', TAGS, {}),
  };
  return reader.problem() ?? { kind: 'options', options };
}

function readRootVolume(section: OptionReader | null): Ec2Options['rootVolume'] {
  return (
    section && {
      sizeGiB: section.take('sizeGiB', wholeNumber(1, 65_536), null),
      type: section.take('type', text('a volume type such as gp3'), null),
      encrypted: section.take('encrypted', FLAG, null),
    }
  );
}

function readSpot(written: Json, reader: OptionReader): Ec2Options['spot'] {
  if (!isMap(written)) return reader.take('spot', SPOT, false) ? { maxPrice: null } : null;
  return { maxPrice: reader.section('spot')?.take('maxPrice', PRICE, null) ?? null };
}

function readMetadata(
  section: OptionReader | null,
): Pick<Ec2Options, 'httpTokens' | 'httpPutResponseHopLimit'> {
  return {
    httpTokens: section?.take('httpTokens', oneOf('required', 'optional'), null) ?? 'required',
    httpPutResponseHopLimit: section?.take('httpPutResponseHopLimit', wholeNumber(1, 64), null) ?? null,
  };
}

const SPOT: Kind<boolean> = { shape: 'true, false or { maxPrice: "0.05" }', read: FLAG.read };

/** As it is, spaces and all; empty text is none. */
const USER_DATA: Kind<string | null> = {
  shape: 'text',
  read(value) {
    if (value === '') return null;
    return typeof value === 'string' ? value : undefined;
  },
};

const TAGS: Kind<Readonly<Record<string, string>>> = {
  shape: 'a map of texts',
  read(value) {
    if (!isMap(value)) return undefined;
    const entries = Object.entries(value).filter(([, item]) => item !== null);
    const isFlat = entries.every(([, item]) => typeof item !== 'object');
    return isFlat ? Object.fromEntries(entries.map(([key, item]) => [key, `${item as Scalar}`])) : undefined;
  },
};
