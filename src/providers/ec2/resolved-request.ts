import type { Json } from '../../json.ts';
import type { LaunchRequest } from '../provider.ts';
import type { Alternative, Choice } from './alternatives.ts';
import type { RunInput } from './api.ts';

/** What `resolve` stores with a request: JSON. */
export interface ResolvedRequest {
  /** RunInstances but for what the batch adds. */
  readonly input: RunInput;
  readonly alternative: Alternative;
  /** All alternatives, the preferred one first. */
  readonly all: readonly Alternative[];
  /** Which of its things were made for the deployment. */
  readonly made: { readonly keyPair: boolean; readonly group: boolean };
}

export function toJson({ input, alternative, all, made }: ResolvedRequest): Json {
  return { input, alternative: { ...alternative }, all: all.map((one) => ({ ...one })), made };
}

/** Throws for a request that was not resolved by this provider. */
export function resolvedOf({ service, resolved }: LaunchRequest): ResolvedRequest {
  if (resolved !== null && typeof resolved === 'object' && 'input' in resolved)
    // What `toJson` made.
    return resolved as unknown as ResolvedRequest;
  throw new Error(`The request of service "${service}" is not resolved. This is a bug in plan.`);
}

export function choiceOf({ service }: LaunchRequest, all: readonly Alternative[]): Choice {
  return { service, all };
}
