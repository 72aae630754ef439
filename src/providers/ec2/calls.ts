import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Clock } from '../../clock.ts';
import type { Cancel } from '../provider.ts';
import { Ec2Error } from './api.ts';
import { cleanWords } from './clean-words.ts';
import type { Ec2Config } from './config.ts';
import { gateOf } from './gate.ts';
import { PATIENCE, pauseAfter, TRIES } from './retry.ts';
import type { SdkFailure } from './sdk-failure.ts';
import { readSdkFailure } from './sdk-failure.ts';
import { unreachable } from './unreachable.ts';

export interface Call<T> {
  /** `EC2`, `SSM` */
  readonly service: string;
  /** The service's own name of it: `RunInstances`. */
  readonly action: string;
  /** Makes it once. */
  send(options: { readonly abortSignal: AbortSignal }): Promise<T>;
  /** How often it is made when it cannot be delivered; 5 without it. */
  readonly tries?: number;
  /** What its errors must not show, beside the credentials. */
  readonly secrets?: readonly string[];
}

/** Makes calls of one account and region: counted, bounded in number and rate, repeated while that is worth it. */
export interface Calls {
  readonly made: ReadonlyMap<string, number>;
  /**
   * Rejects with `Ec2Error` for what the service answers, with `ProviderError` when it cannot be asked (after five
   * tries, or when it throttles for 15 minutes), or with the signal's reason.
   */
  make<T>(call: Call<T>, cancel: Cancel): Promise<T>;
}

type Outcome<T> = { readonly answer: T } | { readonly failure: SdkFailure };

/** Nobody waits for these. */
const BACKGROUND: ReadonlySet<string> = new Set(['CreateTags', 'DeleteTags']);

export function createCalls(
  config: Ec2Config,
  { clock, random }: { readonly clock: Clock; readonly random: () => number },
): Calls {
  const made = new Map<string, number>();
  const gate = gateOf(gateName(config), clock);
  const ownSecrets = [config.credentials?.secretAccessKey, config.credentials?.sessionToken].filter(
    (secret) => typeof secret === 'string',
  );

  /** Makes it once; null: not at all, for the rate was cut while it waited for a place. */
  async function attempt<T>(
    { action, send, secrets = [] }: Call<T>,
    { signal }: Cancel,
    mayBegin: () => boolean,
  ): Promise<Outcome<T> | null> {
    if (!mayBegin()) return null;
    made.set(action, (made.get(action) ?? 0) + 1);
    try {
      return { answer: await send({ abortSignal: signal }) };
    } catch (error) {
      signal.throwIfAborted();
      const hidden = { secrets: [...ownSecrets, ...secrets] };
      return { failure: readSdkFailure(error, (code, words) => cleanWords(code, words, hidden)) };
    }
  }

  async function once<T>(call: Call<T>, { signal }: Cancel): Promise<Outcome<T>> {
    const limiter = gate.limiter(call.action);
    const priority = BACKGROUND.has(call.action) ? -1 : 0;
    for (;;) {
      const turn = await limiter.turn({ signal });
      const work = (): Promise<Outcome<T> | null> => attempt(call, { signal }, () => limiter.begin(turn));
      const outcome = await untilAborted(gate.queue.run(work, { signal, priority }), signal);
      if (outcome === null) continue;
      if ('failure' in outcome && outcome.failure.kind === 'throttled') limiter.throttled(turn);
      return outcome;
    }
  }

  return {
    made,
    async make(call, cancel) {
      const { tries = TRIES } = call;
      // One signal cancels any number of calls.
      setMaxListeners(0, cancel.signal);
      const since = clock.now();
      let throttled = 0;
      let undelivered = 0;
      let isClockSet = false;
      for (;;) {
        const outcome = await once(call, cancel);
        if ('answer' in outcome) return outcome.answer;
        const { failure } = outcome;
        switch (failure.kind) {
          case 'throttled':
            throttled += 1;
            if (clock.now() - since >= PATIENCE) throw unreachable(config, call, failure);
            await clock.sleep(pauseAfter(throttled, random), cancel);
            break;
          case 'undelivered':
            undelivered += 1;
            if (undelivered >= tries) throw unreachable(config, call, failure);
            await clock.sleep(pauseAfter(undelivered, random), cancel);
            break;
          case 'refused':
            if (isClockSet || !failure.isClockSet)
              throw new Ec2Error(call.action, failure.code, failure.words);
            isClockSet = true;
            break;
          case 'unusable':
            throw unreachable(config, call, failure);
          default:
            failure satisfies never;
        }
      }
    },
  };
}

/** Names the account by whose credentials are used, without telling them. */
function gateName({ endpoint, region, credentials, profile }: Ec2Config): string {
  const who = credentials === null ? `profile ${profile ?? ''}` : `key ${credentials.accessKeyId}`;
  return [endpoint ?? '', region, createHash('sha256').update(who).digest('hex')].join(' ');
}

/** What the promise becomes, or a rejection as soon as the signal aborts. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
