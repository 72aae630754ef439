import type { LaunchRefusal } from '../provider.ts';
import type { Alternative } from './alternatives.ts';
import type { Ec2Error } from './api.ts';
import { adviceOn } from './error-advice.ts';
import { errorKind } from './errors.ts';
import { quotaOf } from './quota-families.ts';

/** Milliseconds after which it is worth asking whether there is room again. */
const CAPACITY_PAUSE = 10_000;
/** Milliseconds after which what was made for a deployment may be known where it was not. */
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
  return finalRefusal(`EC2 refused ${error.call}: ${withAdvice(error, adviceOn(error))}`);
}

/** What was asked for. */
export interface Attempt {
  readonly alternative: Alternative;
  readonly isSpot: boolean;
  readonly region: string;
}

export interface Prospects {
  readonly isOtherLeft: boolean;
  readonly mayOtherDo: boolean;
  readonly isTooNew: boolean;
}

/**
 * What EC2 answered to a launching call. `isOtherLeft`: whether another type or subnet is worth asking for, which is
 * done at once; `mayOtherDo`: whether one is that was refused before. `isTooNew`: whether a thing that is missing was made
 * for this deployment a moment ago: waiting for it is no try.
 */
export function refusedLaunch(
  error: Ec2Error,
  attempt: Attempt,
  { isOtherLeft, mayOtherDo, isTooNew }: Prospects,
): LaunchRefusal {
  const advice = quotaAdvice(error, attempt) ?? adviceOn(error);
  const message = `EC2 refused ${placeOf(attempt.alternative, attempt.region)}: ${withAdvice(error, advice)}`;
  if (isOtherLeft) return { kind: 'refused', message, retryAfter: 0, elsewhere: true };
  if (isTooNew) return { kind: 'refused', message, retryAfter: CONSISTENCY_PAUSE, elsewhere: true };
  const retryAfter = pauseAfter(error) ?? (mayOtherDo ? CAPACITY_PAUSE : null);
  return { kind: 'refused', message, retryAfter };
}

/** Whether EC2 refuses this type and place for as long as the account is as it is. */
export function isFinalHere(error: Ec2Error): boolean {
  return pauseAfter(error) === null;
}

function pauseAfter({ code }: Ec2Error): number | null {
  if (QUOTAS_OF_VCPUS.has(code) || errorKind(code) !== 'capacity') return null;
  return NEVER_THERE.has(code) ? null : CAPACITY_PAUSE;
}

/** Whether another type or subnet may be what this one is not. */
export function isWorthElsewhere({ code }: Ec2Error): boolean {
  const kind = errorKind(code);
  return kind === 'capacity' || kind === 'quota';
}

/** On one line, as it is shown beside what is done about it. */
function withAdvice({ message }: Ec2Error, advice: string | null): string {
  return advice === null ? message : `${message.replace(/\.?\s*$/, '.')} ${advice}`;
}

/** Names the quota of the type; null: the code speaks of another one, or it is not known. */
function quotaAdvice(
  { code }: Ec2Error,
  { alternative: { instanceType }, isSpot, region }: Attempt,
): string | null {
  const quota = QUOTAS_OF_VCPUS.has(code) ? quotaOf(instanceType, isSpot) : null;
  if (quota === null) return null;
  return (
    `The quota is "${quota.name}" (${quota.code}) in ${region}: ask for more in Service Quotas, ` +
    'terminate machines that are not needed, or ask for fewer.'
  );
}
