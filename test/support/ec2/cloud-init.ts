import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { userDataParts } from './cloud-init-parts.ts';

/** What cloud-init makes of user data: the modules that these machines have. */
export interface CloudInit {
  /** Null: the machine makes keys of all types itself. */
  readonly hostKeys: readonly HostKey[] | null;
  readonly authorizedKeys: readonly string[];
  readonly files: readonly CloudFile[];
  /** Run by root once, after the boot, in the order of their names. */
  readonly scripts: readonly { readonly name: string; readonly content: Buffer }[];
  /** What was not understood, for the machine's cloud-init.log. */
  readonly warnings: readonly string[];
}

export interface HostKey {
  /** `ecdsa`, `ed25519`, `rsa`. */
  readonly type: string;
  readonly private: string;
  /** Null: to be derived from the private one. */
  readonly public: string | null;
}

export interface CloudFile {
  readonly path: string;
  readonly content: Buffer;
  readonly mode: number;
  /** `user:group` or `user`. */
  readonly owner: string;
  readonly append: boolean;
}

/** `ssh_deletekeys` needs nothing: the image has no host keys. */
const MODULES = ['ssh_keys', 'ssh_deletekeys', 'ssh_authorized_keys', 'write_files', 'runcmd'];

/** Never throws: as with cloud-init, what cannot be read is a warning, and the machine boots without it. */
export function cloudInit(userData: Buffer | null): CloudInit {
  const warnings: string[] = [];
  const scripts: { name: string; content: Buffer }[] = [];
  // The later part's key replaces that of an earlier one, lists too.
  let config: Readonly<Record<string, unknown>> = {};
  for (const part of partsOf(userData, warnings)) {
    switch (part.kind) {
      case 'cloud-config':
        config = { ...config, ...yamlOf(part.content, warnings) };
        break;
      case 'script':
        scripts.push({ name: `part-${String(scripts.length + 1).padStart(3, '0')}`, content: part.content });
        break;
      case 'unknown':
        warnings.push(`unhandled part of type "${part.type}"`);
        break;
      default:
        part.kind satisfies never;
    }
  }
  for (const key of Object.keys(config)) if (!MODULES.includes(key)) warnings.push(`no module for "${key}"`);
  if (config['runcmd'] !== undefined) scripts.push({ name: 'runcmd', content: commands(config['runcmd']) });
  return {
    hostKeys: isRecord(config['ssh_keys']) ? hostKeysOf(config['ssh_keys']) : null,
    authorizedKeys: listOf(config['ssh_authorized_keys']).map(textOf),
    files: listOf(config['write_files']).flatMap((file) => fileOf(file, warnings)),
    scripts,
    warnings,
  };
}

function partsOf(userData: Buffer | null, warnings: string[]): ReturnType<typeof userDataParts> {
  try {
    return userDataParts(userData ?? Buffer.alloc(0));
  } catch (error) {
    warnings.push(`unreadable user data: ${String(error)}`);
    return [];
  }
}

function yamlOf(content: Buffer, warnings: string[]): Readonly<Record<string, unknown>> {
  try {
    // 1.1 is what cloud-init reads: `permissions: 0644` is an octal number there.
    const config: unknown = parse(content.toString(), { version: '1.1', logLevel: 'error' });
    if (isRecord(config)) return config;
    warnings.push('cloud-config is not a mapping');
  } catch (error) {
    warnings.push(`unreadable cloud-config: ${String(error)}`);
  }
  return {};
}

function hostKeysOf(keys: Readonly<Record<string, unknown>>): readonly HostKey[] {
  return Object.entries(keys).flatMap(([name, value]) => {
    const type = /^(\w+)_private$/.exec(name)?.[1];
    if (type === undefined) return [];
    const known = keys[`${type}_public`];
    return [{ type, private: textOf(value), public: known === undefined ? null : textOf(known) }];
  });
}

function fileOf(file: unknown, warnings: string[]): readonly CloudFile[] {
  if (!isRecord(file) || typeof file['path'] !== 'string') {
    warnings.push('write_files: an entry has no path');
    return [];
  }
  const mode = file['permissions'] ?? 0o644;
  return [
    {
      path: file['path'],
      content: decoded(textOf(file['content'] ?? ''), textOf(file['encoding'] ?? 'text/plain')),
      mode: typeof mode === 'number' ? mode : parseInt(textOf(mode), 8),
      owner: textOf(file['owner'] ?? 'root:root'),
      append: file['append'] === true,
    },
  ];
}

function decoded(content: string, encoding: string): Buffer {
  const words = encoding.toLowerCase().split('+');
  const packed = words.some((word) => word === 'b64' || word === 'base64');
  const bytes = Buffer.from(content, packed ? 'base64' : 'utf8');
  return words.some((word) => word === 'gz' || word === 'gzip') ? gunzipSync(bytes) : bytes;
}

/** A list is a command with its arguments, a string is a line of shell. */
function commands(runcmd: unknown): Buffer {
  const lines = listOf(runcmd).map((command) =>
    Array.isArray(command) ? command.map((word) => quoted(textOf(word))).join(' ') : textOf(command),
  );
  return Buffer.from(`#!/bin/sh\n${lines.join('\n')}\n`);
}

export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
