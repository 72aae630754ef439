import { isIP } from 'node:net';

import type { Cancel, ProviderProblem } from '../provider.ts';
import type { Ec2Api, Ec2Error, Ec2Image, RunInput } from './api.ts';
import { batchHostKey } from './batch-host-key.ts';
import type { Ec2Config } from './config.ts';
import { adviceOn } from './error-advice.ts';
import { errorKind } from './errors.ts';
import { runInput } from './run-input.ts';
import { combineUserData } from './user-data.ts';
import type { Wanted } from './wanted.ts';

/** Of clouds that know no dry run. */
const UNTOLD = new Set(['InvalidAction', 'Unsupported', 'UnsupportedOperation', 'UnknownParameter']);

/** What is wrong with the call as a whole: what its parts cannot be, and what EC2 says of it without doing it. */
export async function checkPermission(
  api: Pick<Ec2Api, 'dryRunInstances'>,
  config: Pick<Ec2Config, 'endpoint'>,
  wanted: readonly Wanted[],
  images: ReadonlyMap<string, Ec2Image>,
  cancel: Cancel,
): Promise<readonly ProviderProblem[]> {
  const problems: ProviderProblem[] = [];
  for (const one of wanted) {
    const image = images.get(one.service);
    if (image === undefined) continue;
    const call = callOf(one, image);
    if (call.kind === 'problem') {
      problems.push({ service: one.service, message: call.message, hint: call.hint });
    } else if (knowsDryRun(config)) {
      const answer = await api.dryRunInstances(call.input, cancel);
      if (answer !== null) problems.push(...problemsOf(one.service, answer));
    }
  }
  return problems;
}

/** A cloud that overlooks the flag would launch: of others than AWS, only emulators on this computer are trusted. */
function knowsDryRun({ endpoint }: Pick<Ec2Config, 'endpoint'>): boolean {
  if (endpoint === null) return true;
  const host = new URL(endpoint).hostname;
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** One machine of the service, without what is made for the deployment later. */
function callOf(
  { preview: { request }, options }: Wanted,
  image: Ec2Image,
): ReturnType<typeof runInput> | Extract<ReturnType<typeof combineUserData>, { kind: 'problem' }> {
  const hostKey = request.handsHostKey ? batchHostKey() : null;
  const userData = combineUserData({ own: options.userData, hostKey });
  if (userData.kind === 'problem') return userData;
  const [instanceType = ''] = options.instanceTypes;
  const [subnetId = null] = options.subnetIds;
  const run = runInput({
    request,
    options,
    image,
    alternative: { instanceType, subnetId },
    keyName: options.keyName ?? '',
    groupIds: options.securityGroupIds ?? [],
    userData: null,
  });
  if (run.kind === 'problem') return run;
  return { kind: 'input', input: { ...withoutEmpty(run.input), MinCount: 1, MaxCount: 1 } };
}

/** At any depth: what is made later has no name yet. */
function withoutEmpty(input: RunInput): RunInput {
  return JSON.parse(JSON.stringify(input), (key, value: unknown) =>
    (key === 'KeyName' && value === '') ||
    ((key === 'SecurityGroupIds' || key === 'Groups') && Array.isArray(value) && value.length === 0)
      ? undefined
      : value,
  ) as RunInput;
}

function problemsOf(service: string, error: Ec2Error): readonly ProviderProblem[] {
  const { code, message } = error;
  const kind = errorKind(code);
  if (kind === 'capacity' || kind === 'quota' || UNTOLD.has(code)) return [];
  return [{ service, message: `Cannot launch: ${message}`, hint: adviceOn(error) }];
}
