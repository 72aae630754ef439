import type { LaunchRefusal } from '../provider.ts';
import type { Alternative } from './alternatives.ts';
import type { Ec2Error } from './api.ts';
import type { ErrorKind } from './errors.ts';
import { errorKind } from './errors.ts';
import { quotaOf } from './quota-families.ts';

/** Milliseconds after which it is worth asking whether there is room again. */
const CAPACITY_PAUSE = 10_000;
/** Milliseconds after which what was made for a deployment is known everywhere at EC2. */
const CONSISTENCY_PAUSE = 2_000;

/** Refused for as long as the request stays the same, room or not. */
const NEVER_THERE = new Set(['Unsupported', 'UnsupportedHostConfiguration']);

/** They speak of quotas that depend on the type, and do not tell which. */
const QUOTAS_OF_VCPUS = new Set(['MaxSpotInstanceCountExceeded', 'VcpuLimitExceeded']);

/** `t3.micro in subnet-1`, `t3.micro in us-west-2`. */
export function placeOf({ instanceType, subnetId }: Alternative, region: string): string {
  return `${instanceType} in ${subnetId ?? region}`;
}

/** A refusal that is final: the request has to change, or who makes it. */
export function finalRefusal(message: string): LaunchRefusal {
  return { kind: 'refused', message, retryAfter: null };
}

/** What EC2 answered while a request was being completed. */
export function refusedQuestion(error: Ec2Error): LaunchRefusal {
  return finalRefusal(`EC2 refused ${error.call}: ${wordsOf(error)}${adviceOn(error)}`);
}

/** What was asked for. */
export interface Attempt {
  readonly alternative: Alternative;
  readonly isSpot: boolean;
  readonly region: string;
}

/**
 * What EC2 answered to a launching call. `isOtherLeft`: whether another type or subnet is worth asking for, which is
 * done at once. `wasMade`: whether a thing that is missing was made for this deployment, and may only be too new.
 */
export function refusedLaunch(
  error: Ec2Error,
  attempt: Attempt,
  { isOtherLeft, wasMade }: { readonly isOtherLeft: boolean; readonly wasMade: boolean },
): LaunchRefusal {
  const advice = QUOTAS_OF_VCPUS.has(error.code) ? quotaAdvice(attempt) : adviceOn(error);
  const message = `EC2 refused ${placeOf(attempt.alternative, attempt.region)}: ${wordsOf(error)}${advice}`;
  if (isOtherLeft) return { kind: 'refused', message, retryAfter: 0, elsewhere: true };
  return { kind: 'refused', message, retryAfter: pauseAfter(error, wasMade) };
}

function pauseAfter({ code }: Ec2Error, wasMade: boolean): number | null {
  if (QUOTAS_OF_VCPUS.has(code)) return null;
  const kind = errorKind(code);
  if (kind === 'capacity') return NEVER_THERE.has(code) ? null : CAPACITY_PAUSE;
  return kind === 'missing' && wasMade ? CONSISTENCY_PAUSE : null;
}

/** Whether another type or subnet may be what this one is not. */
export function isWorthElsewhere({ code }: Ec2Error): boolean {
  const kind = errorKind(code);
  return kind === 'capacity' || kind === 'quota';
}

/** `VcpuLimitExceeded: You have requested more vCPU capacity than ….`, with one stop for what comes behind it. */
function wordsOf({ message }: Ec2Error): string {
  return `${message.trim().replace(/\.$/, '')}.`;
}

const ADVICE: Readonly<Record<ErrorKind, string>> = {
  capacity: 'List more types or subnets as ec2.instanceType and ec2.subnetId, or try again later.',
  quota:
    'Ask for a higher limit in the Service Quotas console, terminate machines that are not needed, or ask for fewer.',
  auth: 'Check whose credentials these are, whether they are still valid, and what they are allowed.',
  missing: 'Check its name, and that it is in this region and account.',
  invalid: 'Change what the plan says of it.',
  conflict: 'Try again when it is no longer in use.',
  other: '',
};

/** Where the code says more than its kind. */
const ADVICE_BY_CODE: Readonly<Record<string, string>> = {
  AuthFailure:
    'Check the credentials, and the clock of this computer; an image may also be private to another account.',
  ExpiredToken: 'Renew the credentials.',
  ExpiredTokenException: 'Renew the credentials.',
  InsufficientFreeAddressesInSubnet: 'List more subnets as ec2.subnetId, or use a larger one.',
  OptInRequired: 'Accept the terms of the image or service in the AWS console first.',
  PendingVerification: 'AWS is still verifying the account; try again in a few hours.',
  RequestExpired: 'Renew the credentials, and check the clock of this computer.',
  SpotMaxPriceTooLow: 'Raise ec2.spot.maxPrice or leave it out, or list more types and subnets.',
  UnauthorizedOperation: 'Allow these credentials what the call needs, or use others.',
  Unsupported: 'Name a type that is offered in that zone, or another subnet.',
};

function adviceOn({ code }: Ec2Error): string {
  const advice = ADVICE_BY_CODE[code] ?? ADVICE[errorKind(code)];
  return advice === '' ? '' : ` ${advice}`;
}

function quotaAdvice({ alternative: { instanceType }, isSpot, region }: Attempt): string {
  const quota = quotaOf(instanceType, isSpot);
  if (quota === null) return ` ${ADVICE.quota}`;
  return (
    ` The quota is "${quota.name}" (${quota.code}) in ${region}: ask for more at ` +
    `https://console.aws.amazon.com/servicequotas/home/services/ec2/quotas/${quota.code}, ` +
    'terminate machines that are not needed, or ask for fewer.'
  );
}
