import type { Duplex } from 'node:stream';
import { factsOf, imageOf, summaryOf, thingOf } from './docker-answers.ts';
import type {
  ContainerFacts,
  ContainerSummary,
  EngineThing,
  ImageFacts,
  Labels,
  RawContainer,
  RawFacts,
  RawImage,
  RawThing,
} from './docker-answers.ts';
import { frameReader } from './docker-frames.ts';
import type { DockerLocation } from './docker-location.ts';
import { DockerError, openDockerTransport } from './docker-transport.ts';
import type { TerminalSize } from './pseudo-terminal.ts';

interface Cancel {
  readonly signal: AbortSignal;
}

/** The container engine in this project's words. Rejections are `DockerError`, or the signal's reason. */
export type DockerEngine = ReturnType<typeof openDockerEngine>;

/** `grace`: seconds that a container has for its end after SIGTERM. */
export function openDockerEngine(location: DockerLocation) {
  const transport = openDockerTransport(location);
  const { call } = transport;

  async function post(
    name: string,
    path: string,
    cancel: Cancel,
    rest: { query?: object; body?: object } = {},
  ) {
    return await call({ name, method: 'POST', path, ...rest } as Parameters<typeof call>[0], cancel);
  }
  async function get(name: string, path: string, cancel: Cancel, query: object = {}) {
    return await call({ name, method: 'GET', path, query: { ...query } }, cancel);
  }
  /** Null for what is not there. */
  async function find(name: string, path: string, cancel: Cancel): Promise<unknown> {
    return await get(name, path, cancel).catch(unlessMissing);
  }
  async function remove(name: string, path: string, cancel: Cancel, query: object = {}): Promise<void> {
    await call({ name, method: 'DELETE', path, query: { ...query } }, cancel).catch(unlessMissing);
  }

  return {
    address: transport.address,
    calls: transport.calls,

    /** What tells this engine from others, for people too. Podman has another id in every answer. */
    async identity(cancel: Cancel): Promise<string> {
      const info = (await get('SystemInfo', '/info', cancel)) as Record<
        'Name' | 'ID' | 'DockerRootDir',
        string
      >;
      const id = info.ID && !('BuildahVersion' in info) ? ` ${info.ID}` : '';
      return `engine of "${info.Name}"${id}, ${info.DockerRootDir}`;
    },

    async containers(labels: readonly string[], cancel: Cancel): Promise<readonly ContainerSummary[]> {
      const query = { all: true, filters: { label: labels } };
      const found = (await get(
        'ContainerList',
        '/containers/json',
        cancel,
        query,
      )) as readonly RawContainer[];
      return found.map(summaryOf);
    },
    async container(id: string, cancel: Cancel): Promise<ContainerFacts | null> {
      const found = await find('ContainerInspect', `/containers/${encodeURIComponent(id)}/json`, cancel);
      return found === null ? null : factsOf(found as RawFacts);
    },
    /** Resolves with the id. */
    async create(name: string, body: object, cancel: Cancel): Promise<string> {
      const made = await post('ContainerCreate', '/containers/create', cancel, { query: { name }, body });
      return (made as { readonly Id: string }).Id;
    },
    async start(id: string, cancel: Cancel): Promise<void> {
      await post('ContainerStart', `/containers/${id}/start`, cancel);
    },
    async stop(id: string, grace: number, cancel: Cancel): Promise<void> {
      await post('ContainerStop', `/containers/${id}/stop`, cancel, { query: { t: grace } });
    },
    async restart(id: string, grace: number, cancel: Cancel): Promise<void> {
      await post('ContainerRestart', `/containers/${id}/restart`, cancel, { query: { t: grace } });
    },
    async unpause(id: string, cancel: Cancel): Promise<void> {
      await post('ContainerUnpause', `/containers/${id}/unpause`, cancel);
    },
    async setRestartPolicy(id: string, policy: string, cancel: Cancel): Promise<void> {
      const body = { RestartPolicy: { Name: policy } };
      await post('ContainerUpdate', `/containers/${id}/update`, cancel, { body });
    },
    /** Ends it at once, with the volumes that have no name. */
    async removeContainer(id: string, cancel: Cancel): Promise<void> {
      const path = `/containers/${encodeURIComponent(id)}`;
      await remove('ContainerDelete', path, cancel, { force: true, v: true });
    },
    /** Resolves when it does not run any more. */
    async untilOver(id: string, cancel: Cancel): Promise<void> {
      await post('ContainerWait', `/containers/${id}/wait`, cancel, { query: { condition: 'not-running' } });
    },
    /** The last lines of what it printed. */
    async lastLines(id: string, count: number, cancel: Cancel): Promise<readonly string[]> {
      const query = { stdout: true, stderr: true, tail: count };
      const told = await get('ContainerLogs', `/containers/${id}/logs`, cancel, query);
      const chunks: Buffer[] = [];
      const read = frameReader(
        (chunk) => chunks.push(chunk),
        (chunk) => chunks.push(chunk),
      );
      if (Buffer.isBuffer(told)) read(told);
      const lines = Buffer.concat(chunks).toString('utf8').split('\n');
      return lines
        .map((line) => line.trimEnd())
        .filter((line) => line !== '')
        .slice(-count);
    },

    /** Resolves with its id and the conversation: in frames, unless it has a terminal. */
    async exec(container: string, command: ExecCommand, cancel: Cancel) {
      const { terminal } = command;
      const body = {
        AttachStdin: command.takesInput,
        AttachStdout: true,
        AttachStderr: true,
        Cmd: command.words,
        ...(command.user !== null && { User: command.user }),
        ...(terminal && { Tty: true, ConsoleSize: [terminal.rows, terminal.columns] }),
        ...(command.environment && { Env: command.environment }),
      };
      const { Id: id } = (await post('ContainerExec', `/containers/${container}/exec`, cancel, { body })) as {
        readonly Id: string;
      };
      const path = `/exec/${id}/start`;
      const how = {
        Detach: false,
        Tty: terminal !== undefined,
        ...(terminal && { ConsoleSize: [terminal.rows, terminal.columns] }),
      };
      const start = { name: 'ExecStart', method: 'POST', path, body: how } as const;
      const stream: Duplex = await transport.converse(start, cancel);
      return { id, stream };
    },
    /** Changes the size of the terminal that a command was given. */
    async resize(exec: string, { columns, rows }: TerminalSize, cancel: Cancel): Promise<void> {
      await post('ExecResize', `/exec/${exec}/resize`, cancel, { query: { w: columns, h: rows } });
    },
    /** Null while it runs. */
    async exitCode(exec: string, cancel: Cancel): Promise<number | null> {
      const found = (await get('ExecInspect', `/exec/${exec}/json`, cancel)) as {
        readonly Running: boolean;
        readonly ExitCode: number | null;
      };
      return found.Running ? null : found.ExitCode;
    },

    async networks(labels: readonly string[], cancel: Cancel): Promise<readonly EngineThing[]> {
      const query = { filters: { label: labels } };
      return ((await get('NetworkList', '/networks', cancel, query)) as readonly RawThing[]).map(thingOf);
    },
    async hasNetwork(name: string, cancel: Cancel): Promise<boolean> {
      return (await find('NetworkInspect', `/networks/${encodeURIComponent(name)}`, cancel)) !== null;
    },
    async createNetwork(name: string, labels: Labels, cancel: Cancel): Promise<void> {
      const body = { Name: name, Driver: 'bridge', CheckDuplicate: true, Labels: labels };
      await post('NetworkCreate', '/networks/create', cancel, { body });
    },
    async connect(network: string, container: string, cancel: Cancel): Promise<void> {
      const path = `/networks/${encodeURIComponent(network)}/connect`;
      await post('NetworkConnect', path, cancel, { body: { Container: container } });
    },
    removeNetwork: (id: string, cancel: Cancel) => remove('NetworkDelete', `/networks/${id}`, cancel),

    async image(reference: string, cancel: Cancel): Promise<ImageFacts | null> {
      const found = (await find('ImageInspect', `/images/${reference}/json`, cancel)) as RawImage | null;
      return found === null ? null : imageOf(found);
    },
    async images(labels: readonly string[], cancel: Cancel): Promise<readonly EngineThing[]> {
      // Podman 4 finds no image by more than one label.
      const query = { filters: { label: labels.slice(-1) } };
      const found = (await get('ImageList', '/images/json', cancel, query)) as readonly RawThing[];
      return found
        .map((raw) => ({ ...thingOf(raw), name: raw.RepoTags?.[0] ?? null }))
        .filter((image) => labels.every((label) => hasLabel(image, label)));
    },
    async pull(reference: string, registry: Labels | undefined, cancel: Cancel): Promise<void> {
      const call = { name: 'ImagePull', method: 'POST', path: '/images/create' } as const;
      const query = { fromImage: reference, ...(!/[:@][^/]+$/.test(reference) && { tag: 'latest' }) };
      await transport.follow({ ...call, query, ...(registry && { registry }) }, cancel);
    },
    build: transport.build,
    removeImage: (id: string, cancel: Cancel) =>
      remove('ImageDelete', `/images/${encodeURIComponent(id)}`, cancel, { force: true }),

    async volumes(labels: readonly string[], cancel: Cancel): Promise<readonly EngineThing[]> {
      const query = { filters: { label: labels } };
      const found = (await get('VolumeList', '/volumes', cancel, query)) as {
        readonly Volumes: RawThing[] | null;
      };
      return (found.Volumes ?? []).map((raw) => ({ ...thingOf(raw), id: raw.Name ?? '' }));
    },
    removeVolume: (name: string, cancel: Cancel) =>
      remove('VolumeDelete', `/volumes/${encodeURIComponent(name)}`, cancel),

    close: transport.close,
  };
}

export interface ExecCommand {
  readonly words: readonly string[];
  readonly user: string | null;
  readonly takesInput: boolean;
  /** Absent: it has none. */
  readonly terminal?: TerminalSize;
  /** Further variables, as `NAME=value`. */
  readonly environment?: readonly string[];
}

/** `label`: a name, or a name and a value with `=` between. */
function hasLabel({ labels }: EngineThing, label: string): boolean {
  return Object.entries(labels).some(([name, value]) => label === name || label === `${name}=${value}`);
}

function unlessMissing(error: unknown): null {
  if (error instanceof DockerError && error.status === 404) return null;
  throw error;
}
