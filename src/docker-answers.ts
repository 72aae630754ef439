export type Labels = Readonly<Record<string, string>>;

/** A container as a list shows it. */
export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  /** `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
  readonly state: string;
  readonly labels: Labels;
  /** Epoch milliseconds. */
  readonly since: number;
  /** Address in each network, by its name. */
  readonly addresses: Labels;
}

export interface ContainerFacts {
  readonly id: string;
  readonly state: string;
  readonly labels: Labels;
  readonly exitCode: number;
  /** What the engine says of a container that did not start, or ''. */
  readonly error: string;
  readonly isOutOfMemory: boolean;
  readonly restartPolicy: string;
  readonly hostname: string;
  /** Addresses and names by which other containers reach it. */
  readonly names: readonly string[];
}

/** Something that was made: an image, a network, a volume. */
export interface EngineThing {
  readonly id: string;
  readonly name: string | null;
  readonly labels: Labels;
  readonly since: number | null;
}

export interface ImageFacts {
  readonly id: string;
  /** False: it says nothing of what its containers run. */
  readonly runs: boolean;
}

export interface RawContainer {
  readonly Id: string;
  readonly Names: readonly string[] | null;
  readonly State: string;
  readonly Labels: Labels | null;
  readonly Created: number;
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly IPAddress?: string }>>;
  };
}

export interface RawFacts {
  readonly Id: string;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Error?: string;
    readonly OOMKilled?: boolean;
  };
  readonly Config: { readonly Hostname?: string; readonly Labels: Labels | null };
  readonly HostConfig: { readonly RestartPolicy?: { readonly Name?: string } };
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<
      Record<string, { readonly IPAddress?: string; readonly Aliases?: readonly string[] | null }>
    >;
  };
}

export interface RawThing {
  readonly Id?: string;
  readonly Name?: string;
  readonly Labels?: Labels | null;
  readonly RepoTags?: readonly string[] | null;
  /** Seconds for an image, a date for others. */
  readonly Created?: number | string;
  readonly CreatedAt?: string;
}

export interface RawImage {
  readonly Id: string;
  readonly Config?: {
    readonly Cmd?: readonly string[] | null;
    readonly Entrypoint?: readonly string[] | null;
  };
}

export function summaryOf(raw: RawContainer): ContainerSummary {
  const networks = Object.entries(raw.NetworkSettings?.Networks ?? {});
  return {
    id: raw.Id,
    name: (raw.Names?.[0] ?? '').replace(/^\//, ''),
    state: raw.State.toLowerCase(),
    labels: raw.Labels ?? {},
    since: raw.Created * 1_000,
    addresses: Object.fromEntries(networks.map(([name, { IPAddress: address = '' }]) => [name, address])),
  };
}

export function factsOf(raw: RawFacts): ContainerFacts {
  const networks = Object.values(raw.NetworkSettings?.Networks ?? {});
  const hostname = raw.Config.Hostname ?? '';
  return {
    id: raw.Id,
    state: raw.State.Status.toLowerCase(),
    labels: raw.Config.Labels ?? {},
    exitCode: raw.State.ExitCode,
    error: raw.State.Error ?? '',
    isOutOfMemory: raw.State.OOMKilled ?? false,
    restartPolicy: raw.HostConfig.RestartPolicy?.Name ?? '',
    hostname,
    names: networks
      .flatMap(({ IPAddress: address = '', Aliases: aliases }) => [address, ...(aliases ?? [])])
      .concat(hostname)
      .filter((name) => name !== ''),
  };
}

export function thingOf(raw: RawThing): EngineThing {
  const made = raw.Created ?? raw.CreatedAt;
  const since = typeof made === 'number' ? made * 1_000 : Date.parse(made ?? '');
  return {
    id: raw.Id ?? '',
    name: raw.Name ?? null,
    labels: raw.Labels ?? {},
    since: Number.isNaN(since) ? null : since,
  };
}

export function imageOf({ Id: id, Config: config }: RawImage): ImageFacts {
  return { id, runs: (config?.Cmd?.length ?? 0) + (config?.Entrypoint?.length ?? 0) > 0 };
}
