import type { Cancel, ProviderProblem } from '../provider.ts';
import type { Wanted } from './wanted.ts';
import type { Ec2Api, Ec2InstanceType } from './api.ts';

import { ifTold } from './if-told.ts';
import type { Quota } from './quota-families.ts';
import { quotaOf } from './quota-families.ts';

type Quotas = Pick<Ec2Api, 'quotas' | 'findInstances' | 'describeInstanceTypes' | 'region'>;

interface Need {
  readonly quota: Quota;
  readonly isSpot: boolean;
  readonly vcpus: number;
  readonly services: readonly string[];
}

const COUNTED = ['pending', 'running'];

/** Whether the fewest machines that would do fit beside what runs; what exceeds that may come or not. */
export async function checkQuota(
  api: Quotas,
  wanted: readonly Wanted[],
  types: ReadonlyMap<string, Ec2InstanceType>,
  cancel: Cancel,
): Promise<readonly ProviderProblem[]> {
  const needs = needsOf(wanted, types);
  if (needs.length === 0) return [];
  const quotas = await ifTold(() => api.quotas(cancel));
  if (quotas === null) return [];
  const limited = needs.filter(({ quota }) => quotas.has(quota.code));
  if (limited.length === 0) return [];
  const used = await ifTold(() => vcpusInUse(api, types, cancel));
  if (used === null) return [];
  return limited.flatMap(({ quota, vcpus, services }) => {
    const limit = quotas.get(quota.code) ?? Infinity;
    const running = used.get(quota.code) ?? 0;
    if (running + vcpus <= limit) return [];
    return [
      {
        service: services.length === 1 ? (services[0] ?? null) : null,
        message:
          `Cannot launch ${services.map((name) => `"${name}"`).join(', ')}: at least ${vcpus} vCPUs are needed, ${running} are in use, ` +
          `and quota "${quota.name}" (${quota.code}) in ${api.region} is ${limit}`,
        hint:
          `Ask for more with: aws service-quotas request-service-quota-increase --service-code ec2 --quota-code ${quota.code} ` +
          `--desired-value ${running + vcpus}; or use fewer or smaller machines.`,
      },
    ];
  });
}

function needsOf(wanted: readonly Wanted[], types: ReadonlyMap<string, Ec2InstanceType>): readonly Need[] {
  const needs = new Map<string, Need>();
  for (const { service, options, preview } of wanted) {
    const isSpot = options.spot !== null;
    const quotas = options.instanceTypes.map((name) => quotaOf(name, isSpot));
    const [quota] = quotas;
    // A launch that one quota refuses goes on to a type of another.
    if (quota === undefined || quota === null || quotas.some((other) => other?.code !== quota.code)) continue;
    const sizes = options.instanceTypes.map((name) => types.get(name)?.vcpus ?? 0);
    const vcpus = preview.min * Math.min(...sizes);
    if (vcpus === 0) continue;
    const before = needs.get(quota.code);
    needs.set(quota.code, {
      quota,
      isSpot,
      vcpus: (before?.vcpus ?? 0) + vcpus,
      services: [...(before?.services ?? []), service],
    });
  }
  return [...needs.values()];
}

/** By code of the quota, of the whole account in the region. */
async function vcpusInUse(
  api: Quotas,
  known: ReadonlyMap<string, Ec2InstanceType>,
  cancel: Cancel,
): Promise<ReadonlyMap<string, number>> {
  const running = { 'instance-state-name': COUNTED };
  const all = await api.findInstances(running, cancel);
  const spot = await api.findInstances({ ...running, 'instance-lifecycle': ['spot'] }, cancel);
  const spotIds = new Set(spot.map(({ id }) => id));
  const unknown = [...new Set(all.map(({ type }) => type))].filter((name) => !known.has(name));
  const others = unknown.length === 0 ? [] : await api.describeInstanceTypes(unknown, cancel);
  const types = new Map([...known, ...others.map((type) => [type.name, type] as const)]);
  const used = new Map<string, number>();
  for (const { id, type } of all) {
    const code = quotaOf(type, spotIds.has(id))?.code;
    if (code !== undefined) used.set(code, (used.get(code) ?? 0) + (types.get(type)?.vcpus ?? 0));
  }
  return used;
}
