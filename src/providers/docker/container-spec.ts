import type { LaunchBatch, LaunchRequest } from '../provider.ts';
import {
  BATCH_LABEL,
  GENERATION_LABEL,
  INDEX_LABEL,
  labelsOf,
  MACHINE_LABEL,
  madeName,
  SERVICE_LABEL,
} from './names.ts';
import type { DockerOptions } from './options.ts';

/** What `resolve` made of a request. */
export interface ResolvedImage {
  readonly image: string;
  /** False: the image does not say what its containers run. */
  readonly runs: boolean;
}

/** Throws for a request that was not resolved by this provider. */
export function resolvedOf({ service, resolved }: LaunchRequest): ResolvedImage {
  if (resolved !== null && typeof resolved === 'object' && 'image' in resolved) {
    const { image, runs } = resolved;
    if (typeof image === 'string' && typeof runs === 'boolean') return { image, runs };
  }
  throw new Error(`The request of service "${service}" is not resolved. This is a bug in plan.`);
}

/** Runs for as long as the machine is to be there, and ends at once when it is to end. */
const IDLE = ['/bin/sh', '-c', 'trap exit TERM INT; while :; do sleep 2147483 & wait; done'];

/** Longest name of a host. */
const HOSTNAME = 63;

export type BatchMachine = LaunchBatch['machines'][number];

/** A container name is given once: whoever asks for it again finds the container. */
export function containerName(request: LaunchRequest, { name, generation }: BatchMachine): string {
  return `${madeName(request.tags)}-${name}-${generation}`;
}

/** The body of the call that makes machine `index` of a batch. */
export function containerSpec(
  { token, request }: LaunchBatch,
  machine: BatchMachine,
  index: number,
  options: DockerOptions,
  resolved: ResolvedImage,
): object {
  const network = madeName(request.tags);
  const command = options.command ?? (resolved.runs ? null : IDLE);
  const labels = {
    ...request.labels,
    ...labelsOf(request.tags),
    [SERVICE_LABEL]: request.service,
    [MACHINE_LABEL]: machine.name,
    [GENERATION_LABEL]: String(machine.generation),
    [BATCH_LABEL]: token,
    [INDEX_LABEL]: String(index),
  };
  return {
    Image: resolved.image,
    Hostname: machine.name.slice(0, HOSTNAME),
    Env: Object.entries(options.env).map(([name, value]) => `${name}=${value}`),
    Labels: labels,
    // A shell that an image runs waits for input, and never gets any.
    ...(command === null ? { OpenStdin: true } : { Entrypoint: command, Cmd: [] }),
    ExposedPorts: Object.fromEntries(options.ports.map(({ containerPort }) => [containerPort, {}])),
    HostConfig: {
      Init: true,
      NetworkMode: network,
      PortBindings: portBindings(options),
      Mounts: options.mounts.map(({ type, source, target, isReadOnly }) => ({
        Type: type,
        Source: source,
        Target: target,
        ReadOnly: isReadOnly,
        ...(type === 'volume' && { VolumeOptions: { Labels: labelsOf(request.tags) } }),
      })),
      ...(options.memory !== null && { Memory: options.memory }),
      ...(options.cpus !== null && { NanoCpus: Math.round(options.cpus * 1e9) }),
      Privileged: options.isPrivileged,
      RestartPolicy: { Name: 'no' },
    },
    NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [machine.name] } } },
  };
}

function portBindings({ ports }: DockerOptions): object {
  const bindings = new Map<string, { HostIp: string; HostPort: string }[]>();
  for (const { containerPort, hostIp, hostPort } of ports)
    bindings.set(containerPort, [
      ...(bindings.get(containerPort) ?? []),
      { HostIp: hostIp, HostPort: hostPort },
    ]);
  return Object.fromEntries(bindings);
}
