import type { Clock } from '../../clock.ts';
import type { Cancel, LaunchAnswer, LaunchBatch } from '../provider.ts';
import type { Alternatives } from './alternatives.ts';
import type { Ec2Api, Ec2Instance, RunInput } from './api.ts';
import { Ec2Error } from './api.ts';
import { errorKind } from './errors.ts';
import type { NameTags } from './name-tags.ts';
import { finalRefusal, isFinalHere, isWorthElsewhere, placeOf, refusedLaunch } from './refusal.ts';
import type { ResolvedRequest } from './resolved-request.ts';
import { choiceOf, resolvedOf } from './resolved-request.ts';
import { batchInput } from './run-input.ts';
import { BATCH_TAG } from './tags.ts';
import { createTooNew } from './too-new.ts';

export interface LauncherParts {
  readonly api: Pick<Ec2Api, 'region' | 'runInstances' | 'findInstances'>;
  readonly alternatives: Alternatives;
  readonly nameTags: NameTags;
  readonly clock: Pick<Clock, 'now'>;
}

/** `Provider.launch`: one RunInstances call under the batch's token. */
export function createLauncher({
  api,
  alternatives,
  nameTags,
  clock,
}: LauncherParts): (batch: LaunchBatch, cancel: Cancel) => Promise<LaunchAnswer> {
  const tooNew = createTooNew(clock);

  function answer(batch: LaunchBatch, instances: readonly Ec2Instance[]): LaunchAnswer {
    const { request, machines } = batch;
    const { alternative, all } = resolvedOf(request);
    const byIndex = indexed(instances);
    const ids = machines.map((_, index) => byIndex.get(index) ?? null);
    const given = ids.filter((id) => id !== null).length;
    if (given === machines.length) return { kind: 'launched', ids, whyFewer: null };
    return {
      kind: 'launched',
      ids,
      whyFewer: `EC2 launched ${given} of ${machines.length} ${placeOf(alternative, api.region)}`,
      // At once and of the same kind: the refusal that is to be expected then tells the reason.
      again: { retryAfter: 0, elsewhere: alternatives.hasOther(choiceOf(request, all), alternative) },
    };
  }

  function refuse({ request, token }: LaunchBatch, error: Ec2Error): LaunchAnswer {
    const { input, alternative, all, made } = resolvedOf(request);
    if (error.code === 'IdempotentParameterMismatch') {
      return finalRefusal(
        `EC2 refused ${placeOf(alternative, api.region)}: ${error.code}: another request was made under the token "${token}". This is a bug in plan.`,
      );
    }
    const choice = choiceOf(request, all);
    const isElsewhere = isWorthElsewhere(error);
    const isOtherLeft = isElsewhere && alternatives.refuse(choice, alternative, isFinalHere(error));
    const mayOtherDo = isElsewhere && alternatives.mayDoLater(choice);
    const missing = MADE.find(({ code, uses }) => code === error.code && uses(made));
    const isTooNew = missing !== undefined && tooNew.mayCome(missing.thing(input));
    const attempt = { alternative, isSpot: 'InstanceMarketOptions' in input, region: api.region };
    return refusedLaunch(error, attempt, { isOtherLeft, mayOtherDo, isTooNew });
  }

  /** Not every cloud heeds every filter. */
  async function launchedUnder(token: string, cancel: Cancel): Promise<readonly Ec2Instance[]> {
    const found = await api.findInstances({ 'client-token': [token] }, cancel);
    return found.filter(({ clientToken, tags }) => [clientToken, tags[BATCH_TAG]].includes(token));
  }

  /**
   * These are answered before EC2 looks at the token: an earlier call, whose answer was lost, may have launched all the
   * same. Where that is not told either it stays unknown, and the batch open.
   */
  async function lookedUp(batch: LaunchBatch, error: Ec2Error, cancel: Cancel): Promise<LaunchAnswer> {
    try {
      const found = await launchedUnder(batch.token, cancel);
      return found.length > 0 ? answer(batch, found) : refuse(batch, error);
    } catch (unasked) {
      throw unasked instanceof Ec2Error ? error : unasked;
    }
  }

  return async (batch, cancel) => {
    const { input } = resolvedOf(batch.request);
    try {
      const answered = answer(batch, await api.runInstances(batchInput(input, batch), cancel));
      for (const { thing } of MADE) tooNew.found(thing(input));
      if (answered.kind === 'launched' && batch.machines.length > 1)
        nameTags.write(namesOf(batch, answered.ids));
      return answered;
    } catch (error) {
      if (!(error instanceof Ec2Error)) throw error;
      if (mayHideLaunch(error)) return await lookedUp(batch, error, cancel);
      if (error.code !== 'IdempotentInstanceTerminated') return refuse(batch, error);
      // It did launch them, and they are gone: that is for whoever describes them to see, while EC2 remembers them.
      const gone = answer(batch, await launchedUnder(batch.token, cancel));
      return gone.kind === 'launched' && gone.whyFewer !== null
        ? { ...gone, whyFewer: 'the machines that EC2 launched for it are terminated' }
        : gone;
    }
  };
}

/** Of who asks, or of what the token was used for; not of what was launched under it. */
function mayHideLaunch({ code }: Ec2Error): boolean {
  return errorKind(code) === 'auth' || code === 'IdempotentParameterMismatch';
}

/** Ids by launch index; by their order where a cloud does not tell indices, so that none is overlooked. */
function indexed(instances: readonly Ec2Instance[]): ReadonlyMap<number, string> {
  const told = new Map(instances.map(({ launchIndex, id }) => [launchIndex, id]));
  return told.size === instances.length
    ? told
    : new Map(
        instances
          .map(({ id }) => id)
          .toSorted()
          .entries(),
      );
}

function namesOf({ machines }: LaunchBatch, ids: readonly (string | null)[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [index, { name }] of machines.entries()) {
    const id = ids[index] ?? null;
    if (id !== null) names.set(id, name);
  }
  return names;
}

/** What is made for deployments, by what EC2 answers where it does not know it (yet). */
const MADE: readonly {
  readonly code: string;
  uses(made: ResolvedRequest['made']): boolean;
  /** Which one it is. */
  thing(input: RunInput): string;
}[] = [
  {
    code: 'InvalidKeyPair.NotFound',
    uses: ({ keyPair }) => keyPair,
    thing: ({ KeyName = null }) => JSON.stringify(['key pair', KeyName]),
  },
  {
    code: 'InvalidGroup.NotFound',
    uses: ({ group }) => group,
    thing: ({ SecurityGroupIds = null, NetworkInterfaces = null }) =>
      JSON.stringify(['group', SecurityGroupIds, NetworkInterfaces]),
  },
];
