import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { DockerEngine } from '../../docker-engine.ts';
import { DockerError } from '../../docker-transport.ts';
import type { Cancel, LaunchPreview, ProviderProblem } from '../provider.ts';
import { providerError } from './in-port-words.ts';
import { readOptions } from './options.ts';
import type { DockerOptions } from './options.ts';

type Problem = Omit<ProviderProblem, 'service'>;

/** All that can be seen before a launch. */
export async function check(
  engine: DockerEngine,
  previews: readonly LaunchPreview[],
  cancel: Cancel,
): Promise<readonly ProviderProblem[]> {
  try {
    await engine.identity(cancel);
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    const [message = '', ...hint] = providerError(error).message.split('\n');
    return [{ service: null, message, hint: hint.length === 0 ? null : hint.join('\n') }];
  }
  const found = await Promise.all(
    previews.map(async (preview) => {
      const read = readOptions(preview.request);
      const problems =
        read.kind === 'problem' ? [read] : await problemsOf(engine, read.options, preview.max, cancel);
      return problems.map(({ message, hint }) => ({ service: preview.request.service, message, hint }));
    }),
  );
  return found.flat();
}

async function problemsOf(
  engine: DockerEngine,
  { image, pull, network, ports, mounts }: DockerOptions,
  max: number,
  cancel: Cancel,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  if (image.kind === 'build' && !existsSync(join(image.directory, 'Dockerfile')))
    problems.push({
      message: `Cannot build an image from "${image.directory}": there is no Dockerfile`,
      hint: 'The directory is relative to the plan file.',
    });
  if (
    image.kind === 'reference' &&
    pull === 'never' &&
    (await engine.image(image.reference, cancel)) === null
  )
    problems.push({
      message: `Cannot use the image "${image.reference}": the engine does not have it`,
      hint: `Fetch it with "docker pull ${image.reference}", or do not write pull: never.`,
    });
  if (network !== null && !(await engine.hasNetwork(network, cancel)))
    problems.push({
      message: `Cannot join the network "${network}": there is none of this name`,
      hint: 'Make it with "docker network create", or leave it out: each deployment has one of its own.',
    });
  const fixed = ports.find(({ hostPort }) => hostPort !== '');
  if (fixed !== undefined && max > 1)
    problems.push({
      message: `Cannot publish port ${fixed.hostPort} for ${max} machines: only one of them can have it`,
      hint: 'Let the engine choose by writing the port of the container alone, or reach the machines by their names.',
    });
  // The paths of another computer cannot be seen.
  const paths = engine.address.startsWith('unix:') ? mounts.filter(({ type }) => type === 'bind') : [];
  for (const { source } of paths.filter((mount) => !existsSync(mount.source)))
    problems.push({
      message: `Cannot mount "${source}": there is no such file or directory`,
      hint: 'A path that begins with "." is relative to the plan file.',
    });
  return problems;
}
