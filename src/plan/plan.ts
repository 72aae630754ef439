import type { Count } from '../count.ts';
import type { Json, Scalar } from '../json.ts';
import type { SourceEntry } from '../sources.ts';
import type { Template } from './template.ts';

/**
 * A launch plan after its inputs are known: what should exist. All that `inputs` and `deployment` decide is
 * rendered (counts, durations, providers, paths); what depends on machines stays a template.
 */
export interface Plan {
  readonly name: string;
  readonly description: string | null;
  /** The deployment that this plan was resolved for. */
  readonly deployment: string;
  /** Absolute path of the plan file. */
  readonly path: string;
  /** SHA-256 (hex) over everything that the plan read. */
  readonly digest: string;
  readonly inputs: Readonly<Record<string, InputValue>>;
  readonly providers: Readonly<Record<string, ProviderConfig>>;
  readonly levels: readonly Level[];
  /** Milliseconds from the first `up` to the end of the deployment; null: it has none. */
  readonly ttl: number | null;
  /** Everything that was read for it, by absolute path: text, level files, scripts, files. */
  readonly sources: ReadonlyMap<string, SourceEntry>;
}

/** Every service, in the order of the levels. */
export function servicesOf({ levels }: Pick<Plan, 'levels'>): readonly Service[] {
  return levels.flatMap(({ services }) => services);
}

export interface InputValue {
  /** Undefined: not supplied, which only commands that do not need it accept; a template that uses it fails. */
  readonly value: Scalar | undefined;
  readonly sensitive: boolean;
  /** True when `--input` or `--input-file` gave it, now or earlier: it is recorded unless sensitive. */
  readonly given: boolean;
}

export interface ProviderConfig {
  readonly name: string;
  readonly type: string;
  /** The provider type's own configuration, rendered. */
  readonly options: Readonly<Record<string, Json>>;
}

export interface Level {
  readonly name: string;
  readonly index: number;
  readonly services: readonly Service[];
}

export interface Service {
  readonly name: string;
  readonly level: string;
  readonly levelIndex: number;
  /** A name of `Plan.providers`; of colocated services `sharedProvider` of that. */
  readonly provider: string;
  readonly colocate: Colocation | null;
  readonly count: Count;
  /** The numbers of its machines, ascending, `count.max` of them: 0, 1, … unless the deployment was scaled. */
  readonly indexes: readonly number[];
  /** The count as the plan has it, where the deployment was scaled to something else. */
  readonly planned: Count | null;
  /** In the provider's own terms; null: the provider's default. */
  readonly image: Template | ImageQuery | null;
  /** Absolute: the directory of the file that mentions the image, to which a path of it is relative. */
  readonly imageDirectory: string;
  /**
   * What the service says under the key that is called like its provider's type (`local: { bootDelay }`), every string
   * leaf a template.
   */
  readonly options: TemplateTree;
  readonly ssh: SshOptions;
  readonly user: string | null;
  readonly env: Readonly<Record<string, Template>>;
  readonly files: readonly FileSpec[];
  readonly bootstrap: Script | null;
  readonly verify: readonly Check[];
  readonly teardown: Script | null;
  readonly outputs: Readonly<Record<string, OutputSpec>>;
  readonly labels: Readonly<Record<string, Template>>;
  /** Milliseconds, per try. */
  readonly timeouts: Timeouts;
  readonly attempts: { readonly launch: number; readonly bootstrap: number };
  /** Rounds in which `repair` tries to heal a machine. */
  readonly repair: { readonly attempts: number };
  /** True when none of its machines may be terminated or replaced without being asked for expressly. */
  readonly protect: boolean;
  /** How many machines a changed plan may take at the same time; null: all of them. */
  readonly update: { readonly maxUnavailable: number } | null;
  /**
   * True when image, labels or options mention `self.name` or `self.index`, and for `ssh.hostKey: perMachine`: one
   * machine a launching call.
   */
  readonly launchesOneByOne: boolean;
  /** True when the provider gives machines their host key: `ssh.hostKey` is not written, or perMachine. */
  readonly hostKeyByProvider: boolean;
  /**
   * Services of the own level (itself included) that `env`, `files`, `bootstrap`, output values, `verify` or
   * `teardown` mention: a machine is bootstrapped once all of these were reached or given up.
   */
  readonly peers: readonly string[];
}

/** Whose machines a service shares: machine i is on the one of that number, or else on number i modulo how many there are. */
export interface Colocation {
  readonly service: string;
  /** The numbers of the machines that are shared, ascending. */
  readonly indexes: readonly number[];
  /** True when it has as many machines as that service, whatever that is scaled to. */
  readonly follows: boolean;
}

/** The newest image of an owner whose name matches. */
export interface ImageQuery {
  readonly owner: Template;
  readonly name: Template;
}

export interface Timeouts {
  readonly launch: number;
  readonly connect: number;
  readonly bootstrap: number;
  readonly verify: number;
  readonly teardown: number;
  readonly terminate: number;
}

export type TemplateTree =
  Template | null | number | boolean | readonly TemplateTree[] | { readonly [key: string]: TemplateTree };

export interface SshOptions {
  readonly user?: Template;
  readonly port?: Template | number;
  readonly privateKey?: Template;
  /** Absolute: the directory of the file that mentions the private key, to which a path of it is relative. */
  readonly privateKeyDirectory?: string;
  /** Of sensitive inputs alone; tried where keys do not let in. */
  readonly password?: Template;
  /** True: the agent of `SSH_AUTH_SOCK`; false: none; else the path of an agent's socket. */
  readonly agent?: Template | boolean;
  /** Renders to what `parseTrust` reads, or to `perMachine`. */
  readonly hostKey?: Template;
  /** Renders to what `parseJump` reads. */
  readonly jump?: Template;
  readonly address?: 'public' | 'private';
}

export interface OutputSpec {
  readonly sensitive: boolean;
  /** A constant that needs no script; null: the bootstrap reports it. */
  readonly value: Template | null;
}

/** Files to be put on a machine before its bootstrap. */
export interface FileSpec {
  readonly target: Template;
  /** Permission bits; null: 0644, or the source's own. */
  readonly mode: number | null;
  readonly content: FileContent;
}

export type FileContent =
  | { readonly kind: 'text'; readonly text: Template }
  /** `path` '' stands for a source that is one file; a directory has one entry per file, relative paths with `/`. */
  | { readonly kind: 'tree'; readonly entries: readonly FileEntry[] };

export interface FileEntry {
  readonly path: string;
  readonly mode: number;
  readonly body:
    | { readonly kind: 'bytes'; readonly bytes: Buffer }
    | { readonly kind: 'template'; readonly text: Template };
}

export interface Script {
  readonly kind: 'file' | 'directory' | 'inline';
  /** How messages call it: the path as written, or `run`. */
  readonly label: string;
  /** One entry for a file or inline text, the whole tree for a directory; relative paths with `/`. */
  readonly entries: readonly ScriptEntry[];
  /** The entry that is executed: it is executable and begins with `#!` (inline text: `#!/bin/sh -eu` is prepended). */
  readonly main: string;
  readonly args: readonly Template[];
  readonly env: Readonly<Record<string, Template>>;
  /** Null: the service's user; a script may only raise it to `root`. */
  readonly user: 'root' | null;
  /** Milliseconds; its own `timeout`, else the service's for this step. */
  readonly timeout: number;
  /** Tries: its own `attempts`, else the service's (bootstrap), 1 (teardown) or as many as the time allows (verify). */
  readonly attempts: number;
}

export interface ScriptEntry {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

/** Durations in milliseconds. `timeout` covers all tries and is already capped by the service's `timeouts.verify`. */
export interface CheckLimits {
  readonly interval: number;
  readonly tryTimeout: number;
  readonly timeout: number;
  readonly successes: number;
}

export type Check = CheckLimits &
  (
    | { readonly kind: 'script'; readonly script: Script; readonly fatalExitCodes: readonly number[] }
    | { readonly kind: 'tcp'; readonly host: Template | null; readonly port: Template }
    | {
        readonly kind: 'http';
        readonly host: Template | null;
        readonly port: Template;
        readonly path: Template;
        /** Inclusive ranges of accepted status codes. */
        readonly status: readonly (readonly [number, number])[];
      }
  );
