import { isAbsolute, normalize } from 'node:path';
import type { ExportEntry, ExportHead } from './export-entry.ts';
import type { ArchivedEntry, Manifest } from './archive.ts';

/**
 * Reads a line of an export; undefined when it is not one. Names become parts of paths, so that none is let through that
 * leads anywhere else.
 */
export function readEntry(line: string): ExportEntry | undefined {
  const entry = parsed(line);
  if (!Array.isArray(entry)) return undefined;
  const [kind, ...values] = entry as readonly unknown[];
  return kind !== undefined && isEntry(kind, values) ? (entry as unknown as ExportEntry) : undefined;
}

/** Undefined when a path in it is not what this program archives. */
export function readManifest(text: string): Manifest | undefined {
  const manifest = parsed(text);
  return Array.isArray(manifest) && manifest.every(isArchived) ? manifest : undefined;
}

const NAME = /^[a-zA-Z][a-zA-Z0-9-]{0,99}$/;
const UUID = /^[0-9a-zA-Z-]{1,64}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const LOG_NAME = /^\d{1,9}-[a-z]{1,20}-\d{1,9}\.log$/;
/** The claim of a host, and the key that opens machines. */
const FILE = /^(?:hosts\/[0-9a-f]{24}\.json|id_ed25519)$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function isEntry(kind: unknown, [first, second, third]: readonly unknown[]): boolean {
  switch (kind) {
    case 'head':
      return isHead(first);
    case 'archive':
      return matches(first, DIGEST) && typeof second === 'string';
    case 'blob':
      return matches(first, DIGEST) && matches(second, BASE64);
    case 'fact':
      return isObject(first) && typeof first['type'] === 'string';
    case 'machine':
      return isObject(first) && matches(first['name'], NAME);
    case 'instance':
      return isObject(first) && typeof first['id'] === 'string';
    case 'batch':
      return isObject(first) && Number.isSafeInteger(first['number']);
    case 'file':
      return matches(first, FILE) && matches(second, BASE64);
    case 'log':
      return matches(first, NAME) && matches(second, LOG_NAME) && matches(third, BASE64);
    case 'end':
      return Number.isSafeInteger(first);
    default:
      return false;
  }
}

function isHead(value: unknown): value is ExportHead {
  if (!isObject(value)) return false;
  const { name, uuid, createdAt, record, directory, owner, exportedAt, moved, printKey, homes } = value;
  return (
    matches(name, NAME) &&
    matches(uuid, UUID) &&
    Number.isSafeInteger(createdAt) &&
    isObject(record) &&
    (record['plan'] === null || isPlan(record['plan'])) &&
    Array.isArray(record['scopes']) &&
    (record['places'] === undefined || isObject(record['places'])) &&
    isPath(directory) &&
    typeof owner === 'string' &&
    Number.isSafeInteger(exportedAt) &&
    typeof moved === 'boolean' &&
    typeof printKey === 'string' &&
    Buffer.from(printKey, 'base64').length === 32 &&
    isObject(homes) &&
    Object.values(homes).every(isHome)
  );
}

function isHome(value: unknown): boolean {
  if (!isObject(value) || !isPath(value['directory'])) return false;
  return value['proof'] === null || typeof value['proof'] === 'string';
}

function isPlan(value: unknown): boolean {
  return isObject(value) && isPath(value['path']) && typeof value['archive'] === 'string';
}

function isArchived(value: unknown): value is readonly [string, ArchivedEntry] {
  if (!Array.isArray(value)) return false;
  const [path, entry] = value as readonly unknown[];
  if (!isPath(path) || !isObject(entry)) return false;
  if (entry['kind'] === 'directory') return Array.isArray(entry['names']);
  return entry['kind'] === 'file' && Number.isSafeInteger(entry['mode']) && matches(entry['blob'], DIGEST);
}

/** Absolute, without parts that lead upward. */
function isPath(value: unknown): value is string {
  return (
    typeof value === 'string' && isAbsolute(value) && normalize(value) === value && !value.includes('\0')
  );
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
