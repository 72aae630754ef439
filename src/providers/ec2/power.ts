import type { Cancel, PowerAnswer } from '../provider.ts';
import type { Ec2Api, Ec2Error, Ec2State } from './api.ts';
import { instancesOf } from './describe.ts';
import { askForEach } from './each-id.ts';
import type { ErrorKind } from './errors.ts';
import { errorKind, NO_SUCH_INSTANCE } from './errors.ts';
import type { Account } from './place.ts';

export type Power = 'terminate' | 'stop' | 'start' | 'reboot';

/** Calls with more are throttled by the size of what they ask for. */
const IDS_PER_CALL = 500;

const ACCEPTED: PowerAnswer = { kind: 'accepted' };

/** Asked for each id that EC2 does not do it to; `in-between`: what it is depends on the instance's state. */
type Refusal = { readonly kind: 'missing' | 'cannot' | 'later' | 'in-between'; readonly why: string };

const REFUSALS: Readonly<Record<string, Refusal['kind']>> = {
  IncorrectInstanceState: 'in-between',
  IncorrectState: 'in-between',
  // Termination or stop protection.
  OperationNotPermitted: 'cannot',
  // Instance store, one-time spot requests.
  UnsupportedOperation: 'cannot',
  IncorrectSpotRequestState: 'cannot',
  UnsupportedHibernationConfiguration: 'cannot',
};

/** A stopped machine has no place kept for it. */
const AT_START: Readonly<Partial<Record<ErrorKind, Refusal['kind']>>> = {
  capacity: 'later',
  quota: 'cannot',
};

/** One answer for each id, in as few calls as EC2 lets. */
export async function power(
  { api, account }: { api: Ec2Api; account: Account },
  verb: Power,
  ids: readonly string[],
  cancel: Cancel,
): Promise<ReadonlyMap<string, PowerAnswer>> {
  const { refused } = await askForEach(
    ids,
    IDS_PER_CALL,
    (call) => ask(api, verb, call, cancel),
    refusalOf,
    cancel,
  );
  const of = (kind: Refusal['kind']): readonly string[] =>
    [...refused].flatMap(([id, refusal]) => (refusal.kind === kind ? [id] : []));
  if (of('missing').length > 0) await account.mustOwn(cancel);
  const instances = await instancesOf(api, of('in-between'), cancel);
  return new Map(
    ids.map((id) => {
      const refusal = refused.get(id);
      return [id, refusal === undefined ? ACCEPTED : answerTo(verb, refusal, instances.get(id)?.state)];
    }),
  );
}

function ask(api: Ec2Api, verb: Power, ids: readonly string[], cancel: Cancel): Promise<void> {
  switch (verb) {
    case 'terminate':
      return api.terminateInstances(ids, cancel);
    case 'stop':
      return api.stopInstances(ids, cancel);
    case 'start':
      return api.startInstances(ids, cancel);
    case 'reboot':
      return api.rebootInstances(ids, cancel);
    default:
      return verb satisfies never;
  }
}

function refusalOf({ code, message }: Ec2Error): Refusal | undefined {
  const kind = NO_SUCH_INSTANCE.has(code) ? 'missing' : (REFUSALS[code] ?? AT_START[errorKind(code)]);
  return kind && { kind, why: message };
}

/** `state`: undefined when EC2 does not know the instance. */
function answerTo(verb: Power, { kind, why }: Refusal, state: Ec2State | undefined): PowerAnswer {
  switch (kind) {
    case 'cannot':
      return { kind: 'cannot', why };
    case 'later':
      return { kind: 'not-yet', why };
    case 'missing':
      return verb === 'terminate' ? ACCEPTED : { kind: 'cannot', why };
    case 'in-between':
      if (state === undefined || state === 'shutting-down' || state === 'terminated')
        return verb === 'terminate' ? ACCEPTED : { kind: 'cannot', why };
      return answerIn(state, verb, why);
    default:
      return kind satisfies never;
  }
}

/** What an instance in this state makes of a request that EC2 refused because of it. */
function answerIn(
  state: Exclude<Ec2State, 'shutting-down' | 'terminated'>,
  verb: Power,
  why: string,
): PowerAnswer {
  const notYet: PowerAnswer = { kind: 'not-yet', why: `it is ${state}` };
  switch (state) {
    case 'pending':
      return verb === 'start' ? ACCEPTED : notYet;
    case 'running':
      // Refused a moment ago, in a state that it has left since.
      return verb === 'start' ? ACCEPTED : notYet;
    case 'stopping':
      return verb === 'stop' ? ACCEPTED : notYet;
    case 'stopped':
      if (verb === 'stop') return ACCEPTED;
      return verb === 'reboot' ? { kind: 'cannot', why } : notYet;
    default:
      return state satisfies never;
  }
}
