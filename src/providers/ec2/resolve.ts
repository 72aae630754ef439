import type { Cancel, LaunchRequest, Resolution } from '../provider.ts';
import type { Alternatives } from './alternatives.ts';
import { alternativesOf } from './alternatives.ts';
import type { Ec2Api } from './api.ts';
import { Ec2Error } from './api.ts';
import { batchHostKey } from './batch-host-key.ts';
import type { FoundImage } from './image.ts';
import { resolveImage } from './image.ts';
import type { ImageSpec } from './image-spec.ts';
import type { MadeThings } from './made-things.ts';
import { readOptions } from './options.ts';
import type { OptionProblem } from './problem.ts';
import { finalRefusal, refusedQuestion } from './refusal.ts';
import { choiceOf, toJson } from './resolved-request.ts';
import { runInput } from './run-input.ts';
import { sharedAnswers } from './shared-answers.ts';
import { combineUserData } from './user-data.ts';

export interface ResolverParts {
  readonly api: Ec2Api;
  readonly made: MadeThings;
  readonly alternatives: Alternatives;
}

/** `Provider.resolve`, and the images that it has found: one question for each image that plans name. */
export interface Resolver {
  resolve(request: LaunchRequest, cancel: Cancel): Promise<Resolution>;
  image(spec: ImageSpec, cancel: Cancel): Promise<FoundImage>;
}

export function createResolver({ api, made, alternatives }: ResolverParts): Resolver {
  const image = sharedAnswers<ImageSpec, FoundImage>(
    (spec) => JSON.stringify(spec),
    (spec, cancel) => resolveImage(spec, api, cancel),
    ({ kind }) => kind === 'image',
  );

  async function complete(request: LaunchRequest, cancel: Cancel): Promise<Resolution> {
    const read = readOptions(request);
    if (read.kind === 'problem') return refused(read);
    const { options } = read;
    const found = await image(options.image, cancel);
    if (found.kind === 'problem') return refused(found);
    const all = alternativesOf(options.instanceTypes, options.subnetIds);
    const alternative = alternatives.next(choiceOf(request, all));
    const keyName = options.keyName ?? made.keyName(request.tags);
    const groupIds = options.securityGroupIds ?? [await made.groupOf(request, alternative.subnetId, cancel)];
    const hostKey = request.handsHostKey ? batchHostKey() : null;
    const userData = combineUserData({
      own: options.userData,
      hostKey,
      expiresAt: request.expiresAt ?? null,
    });
    if (userData.kind === 'problem') return refused(userData);
    const parts = { request, options, image: found.image, alternative, keyName, groupIds };
    const run = runInput({ ...parts, userData: userData.data });
    if (run.kind === 'problem') return refused(run);
    const uses = { keyPair: options.keyName === null, group: options.securityGroupIds === null };
    return {
      kind: 'resolved',
      request: { ...request, resolved: toJson({ input: run.input, alternative, all, made: uses }) },
      hostKey: hostKey?.publicKey ?? null,
    };
  }

  return {
    image,
    async resolve(request, cancel) {
      try {
        return await complete(request, cancel);
      } catch (error) {
        if (error instanceof Ec2Error) return refusedQuestion(error);
        throw error;
      }
    },
  };
}

function refused({ message, hint }: OptionProblem): Resolution {
  return finalRefusal(`${message}. ${hint}`);
}
