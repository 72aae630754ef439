import type { Clock } from '../../../src/clock.ts';
import { ApiError } from './api-error.ts';
import type { Actions } from './actions/action.ts';
import { describeInstances } from './actions/describe-instances.ts';
import { groupActions } from './actions/group-actions.ts';
import { imageActions } from './actions/image-actions.ts';
import { jsonActions } from './actions/json-actions.ts';
import { keyActions } from './actions/key-actions.ts';
import { networkActions } from './actions/network-actions.ts';
import { placeActions } from './actions/place-actions.ts';
import { powerActions } from './actions/power-actions.ts';
import { runInstances } from './actions/run-instances.ts';
import { tagActions } from './actions/tag-actions.ts';
import { volumeActions } from './actions/volume-actions.ts';
import type { Fault, Faults } from './faults.ts';
import type { Params } from './params.ts';
import { parseParams } from './params.ts';
import type { Realm } from './realm.ts';
import type { ApiAnswer, ApiRequest } from './server.ts';
import type { SignedRequest, Signer } from './signature.ts';
import type { Throttle } from './throttle.ts';
import { answerXml } from './xml.ts';

/** A call as it came, in order of arrival. */
export interface Call {
  readonly action: string;
  /** Epoch milliseconds of the endpoint's clock. */
  readonly at: number;
  /** All parameters by their full names, as `InstanceId.1`; of a JSON service: its text fields. */
  readonly params: ReadonlyMap<string, string>;
  /** Null: it was not authenticated. */
  readonly account: string | null;
  readonly region: string | null;
  /** Code of the error that it was answered with; null: none. */
  readonly error: string | null;
}

export interface Dispatcher {
  readonly calls: readonly Call[];
  readonly answer: (request: ApiRequest) => Promise<ApiAnswer>;
  /** Resolves when no late effect is to come any more. */
  settled(): Promise<void>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function createDispatcher({
  clock,
  regions,
  faults,
  denied,
  authenticate,
  realmOf,
  throttleOf,
  closing,
}: {
  readonly clock: Clock;
  readonly regions: readonly string[];
  readonly faults: Faults;
  readonly denied: ReadonlySet<string>;
  readonly authenticate: (request: SignedRequest) => Promise<Signer>;
  readonly realmOf: (account: string, region: string) => Realm;
  readonly throttleOf: (account: string, region: string) => Throttle;
  /** Ends waits of delayed answers and takes back late effects. */
  readonly closing: AbortSignal;
}): Dispatcher {
  const calls: Mutable<Call>[] = [];
  const late = new Set<Promise<void>>();
  const actions: Actions = {
    ...runInstances,
    ...describeInstances,
    ...powerActions,
    ...tagActions,
    ...imageActions,
    ...networkActions,
    ...groupActions,
    ...keyActions,
    ...volumeActions,
    ...placeActions(regions),
  };

  async function perform(
    request: ApiRequest,
    call: Mutable<Call>,
    fault: Fault | undefined,
  ): Promise<string> {
    const { account, region, service } = await authenticate(request);
    const { kind, action } = request.call;
    call.account = account.id;
    call.region = region;
    if (fault?.how === 'status-500') throw new ApiError('InternalError', 'An internal error has occurred');
    if (fault?.how === 'error') {
      throw new ApiError(
        fault.code,
        fault.message ?? `The call was refused with ${fault.code}.`,
        fault.status,
      );
    }
    const params = parseParams(call.params);
    if (kind === 'query') throttleOf(account.id, region).admit(action, resourcesOf(action, params));
    if (denied.has(action)) {
      throw new ApiError(
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. User: arn:aws:iam::${account.id}:user/tester is not ` +
          `authorized to perform: ${service}:${action} because no identity-based policy allows the ${service}:${action} action`,
      );
    }
    const realm = realmOf(account.id, region);
    if (request.call.kind === 'json') {
      const perform = jsonActions[request.call.target];
      if (perform === undefined)
        throw new ApiError('UnknownOperationException', `${request.call.target} is not served`);
      return JSON.stringify(perform(realm, JSON.parse(request.body) as Readonly<Record<string, unknown>>));
    }
    const perform = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (perform === undefined) {
      throw new ApiError('InvalidAction', `The action ${action} is not valid for this web service.`);
    }
    return answerXml(action, request.requestId, perform(realm, params));
  }

  async function haveEffectLater(request: ApiRequest, call: Mutable<Call>, by: number): Promise<void> {
    try {
      await clock.sleep(by, { signal: closing });
      await perform(request, call, undefined);
    } catch (error) {
      if (!closing.aborted) call.error = codeOf(error);
    }
  }

  return {
    calls,
    async settled() {
      await Promise.all(late);
    },
    async answer(request) {
      const { action } = request.call;
      const fault = faults.take(action);
      const call: Mutable<Call> = {
        action,
        at: clock.now(),
        params: request.call.kind === 'query' ? request.call.params : textFields(request.body),
        account: null,
        region: null,
        error: null,
      };
      calls.push(call);
      if (fault?.how === 'drop-before') return { kind: 'cut' };
      if (fault?.how === 'late-effect') {
        const work = haveEffectLater(request, call, fault.by);
        late.add(work);
        void work.finally(() => late.delete(work));
        return { kind: 'cut' };
      }
      try {
        const text = await perform(request, call, fault);
        if (fault?.how === 'drop-after-effect') return { kind: 'cut' };
        if (fault?.how === 'delay') await clock.sleep(fault.by, { signal: closing });
        return { kind: 'text', text };
      } catch (error) {
        call.error = codeOf(error);
        throw error;
      }
    },
  };
}

function codeOf(error: unknown): string {
  return error instanceof ApiError ? error.code : 'InternalError';
}

function textFields(body: string): ReadonlyMap<string, string> {
  const fields = JSON.parse(body) as Readonly<Record<string, unknown>>;
  return new Map(Object.entries(fields).map(([name, value]) => [name, String(value)]));
}

/** How many instances a request is about. */
function resourcesOf(action: string, params: Params): number {
  return action === 'RunInstances' ? (params.integer('MaxCount') ?? 1) : params.list('InstanceId').length;
}
