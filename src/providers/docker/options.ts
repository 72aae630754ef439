import { resolve } from 'node:path';
import type { Json, Scalar } from '../../json.ts';
import { FLAG, isMap, oneOf, optionReader, text } from '../ec2/option-reader.ts';
import type { Kind } from '../ec2/option-reader.ts';
import type { OptionProblem } from '../ec2/problem.ts';
import { problem } from '../ec2/problem.ts';
import type { LaunchRequest } from '../provider.ts';
import { parsePort } from './port.ts';
import type { PublishedPort } from './port.ts';

export type ImageSource =
  | { readonly kind: 'reference'; readonly reference: string }
  /** Absolute path of a directory with a Dockerfile. */
  | { readonly kind: 'build'; readonly directory: string };

export interface Mount {
  readonly type: 'bind' | 'volume';
  /** Absolute path, or the name of a volume. */
  readonly source: string;
  readonly target: string;
  readonly isReadOnly: boolean;
}

/** What a service says under `image` and `docker`. */
export interface DockerOptions {
  readonly image: ImageSource;
  /** A network to be in beside the deployment's own, or null. */
  readonly network: string | null;
  readonly ports: readonly PublishedPort[];
  readonly mounts: readonly Mount[];
  readonly env: Readonly<Record<string, string>>;
  /** Bytes, or null. */
  readonly memory: number | null;
  readonly cpus: number | null;
  /** Words in place of the image's entrypoint and command; null: the image's own. */
  readonly command: readonly string[] | null;
  readonly isPrivileged: boolean;
  readonly pull: 'missing' | 'always' | 'never';
}

export type ReadOptions = { readonly kind: 'options'; readonly options: DockerOptions } | OptionProblem;

const MEMORY_UNITS: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Reads a service's request, or says what is wrong with it. Looks at no file. */
export function readOptions(request: LaunchRequest): ReadOptions {
  const image = readImage(request);
  if (image === undefined) {
    return problem(
      'Cannot start containers: there is no image',
      'Write an image reference such as debian:13 under "image", or { build: directory }.',
    );
  }
  const reader = optionReader(request.options, 'docker');
  const options: DockerOptions = {
    image,
    network: reader.take('network', NETWORK, null),
    ports: reader.take('ports', listOf('a list of ports such as "8080:80"', parsePort), []),
    mounts: reader.take('volumes', listOf('a list such as "data:/var/lib/data"', mountIn(request)), []),
    env: reader.take('env', ENVIRONMENT, {}),
    memory: reader.take('memory', MEMORY, null),
    cpus: reader.take('cpus', CPUS, null),
    command: reader.take('command', COMMAND, null),
    isPrivileged: reader.take('privileged', FLAG, false),
    pull: reader.take('pull', oneOf('missing', 'always', 'never'), 'missing'),
  };
  return reader.problem() ?? { kind: 'options', options };
}

function readImage({ image, directory }: LaunchRequest): ImageSource | undefined {
  const written = image?.trim() ?? '';
  if (written === '') return undefined;
  if (!written.startsWith('{')) return { kind: 'reference', reference: written };
  const { build } = JSON.parse(written) as { readonly build?: string };
  return build === undefined ? undefined : { kind: 'build', directory: resolve(directory, build) };
}

const NETWORK: Kind<string> = {
  shape: 'the name of a network that containers can have beside another one',
  read(value) {
    const name = text('').read(value);
    return name === undefined || /^(?:host|none|container:.*)$/.test(name) ? undefined : name;
  },
};

const MEMORY: Kind<number> = {
  shape: 'an amount of memory such as "512m"',
  read(value) {
    const [, number, unit = 'b'] = /^(\d+(?:\.\d+)?)([bkmg]?)$/i.exec(textOf(value)) ?? [];
    const bytes = Math.round(Number(number) * (MEMORY_UNITS[unit.toLowerCase()] ?? 1));
    return bytes > 0 ? bytes : undefined;
  },
};

const CPUS: Kind<number> = {
  shape: 'a number of processors such as 0.5',
  read: (value) => (/^\d+(?:\.\d+)?$/.test(textOf(value)) && Number(value) > 0 ? Number(value) : undefined),
};

const ENVIRONMENT: Kind<Readonly<Record<string, string>>> = {
  shape: 'a map of texts',
  read(value) {
    if (!isMap(value)) return undefined;
    const entries = Object.entries(value).map(
      ([key, each]) => [key, isScalar(each) ? String(each) : null] as const,
    );
    if (entries.some(([key, each]) => each === null || key === '' || key.includes('='))) return undefined;
    return Object.fromEntries(entries.map(([key, each]) => [key, each ?? '']));
  },
};

const COMMAND: Kind<readonly string[]> = {
  shape: 'a command line, or a list of words',
  read(value) {
    if (typeof value === 'string') return value.trim() === '' ? undefined : ['/bin/sh', '-c', value];
    if (!Array.isArray(value) || value.length === 0) return undefined;
    const words = value as readonly Json[];
    return words.every(isScalar) ? words.map(String) : undefined;
  },
};

function listOf<T>(shape: string, read: (item: string) => T | undefined): Kind<readonly T[]> {
  return {
    shape,
    read(value) {
      if (!Array.isArray(value)) return undefined;
      const items = (value as readonly Json[]).map((item) =>
        isScalar(item) ? read(String(item)) : undefined,
      );
      return items.includes(undefined) ? undefined : items.flatMap((item) => item ?? []);
    },
  };
}

/** `name:/target`, `/path:/target:ro`, `./path:/target`; a path that begins with `.` is relative to the plan. */
function mountIn({ directory }: LaunchRequest): (written: string) => Mount | undefined {
  return (written) => {
    const [, source, target, mode] = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(written.trim()) ?? [];
    if (source === undefined || target === undefined) return undefined;
    const isPath = /^[./]/.test(source);
    if (!isPath && !/^[A-Za-z0-9][\w.-]*$/.test(source)) return undefined;
    return {
      type: isPath ? 'bind' : 'volume',
      source: isPath ? resolve(directory, source) : source,
      target,
      isReadOnly: mode === 'ro',
    };
  };
}

function isScalar(value: Json): value is Scalar {
  return value !== null && typeof value !== 'object';
}

function textOf(value: Json): string {
  return isScalar(value) ? String(value).trim() : '';
}
