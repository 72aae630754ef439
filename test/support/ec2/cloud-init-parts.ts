import { gunzipSync } from 'node:zlib';

/** One part of user data, by what cloud-init does with it. */
export interface UserDataPart {
  readonly kind: 'cloud-config' | 'script' | 'unknown';
  /** The content type it was given, or the one its first line tells. */
  readonly type: string;
  readonly content: Buffer;
}

const KINDS: Readonly<Record<string, UserDataPart['kind']>> = {
  'text/cloud-config': 'cloud-config',
  'text/x-shellscript': 'script',
};

/** These say nothing: the first line does. */
const UNTOLD = ['', 'text/plain', 'text/x-not-multipart', 'application/octet-stream'];

/** The parts in their order: of gzip, MIME (nested too) or a single raw one. Empty user data has none. */
export function userDataParts(userData: Buffer): readonly UserDataPart[] {
  const data = inflated(userData);
  if (data.length === 0) return [];
  const head = data.toString('latin1', 0, 4096).toLowerCase();
  return head.includes('mime-version:') ? messageParts(data.toString('latin1')) : [partOf('', data)];
}

function inflated(data: Buffer): Buffer {
  return data[0] === 0x1f && data[1] === 0x8b ? gunzipSync(data) : data;
}

function partOf(type: string, raw: Buffer): UserDataPart {
  const content = inflated(raw);
  const known = UNTOLD.includes(type) || content !== raw ? typeByFirstLine(content) : type;
  return { kind: KINDS[known] ?? 'unknown', type: known, content };
}

function typeByFirstLine(content: Buffer): string {
  const start = content.toString('latin1', 0, 64).trimStart();
  if (start.startsWith('#cloud-config')) return 'text/cloud-config';
  return start.startsWith('#!') ? 'text/x-shellscript' : 'text/plain';
}

/** `message`: bytes as latin1. */
function messageParts(message: string): readonly UserDataPart[] {
  const end = /\r?\n\r?\n/.exec(message);
  const headers = headersOf(end === null ? message : message.slice(0, end.index));
  const body = end === null ? '' : message.slice(end.index + end[0].length);
  const contentType = headers.get('content-type') ?? '';
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (type.startsWith('multipart/')) {
    const boundary = /boundary=(?:"([^"]*)"|([^\s;]+))/i.exec(contentType);
    if (boundary === null) return [];
    return bodiesBetween(body, boundary[1] ?? boundary[2] ?? '').flatMap(messageParts);
  }
  return [partOf(type, decoded(body, headers.get('content-transfer-encoding') ?? '7bit'))];
}

function headersOf(text: string): ReadonlyMap<string, string> {
  const unfolded = text.replaceAll(/\r?\n[ \t]+/g, ' ');
  return new Map(
    unfolded.split(/\r?\n/).flatMap((line) => {
      const colon = line.indexOf(':');
      return colon < 1 ? [] : [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]];
    }),
  );
}

function bodiesBetween(body: string, boundary: string): readonly string[] {
  const bodies: string[] = [];
  let current: string | null = null;
  for (const line of body.split(/(?<=\n)/)) {
    const text = line.trimEnd();
    const closing = text === `--${boundary}--`;
    if (!closing && text !== `--${boundary}`) {
      if (current !== null) current += line;
      continue;
    }
    // The line break before a boundary is the boundary's.
    if (current !== null) bodies.push(current.replace(/\r?\n$/, ''));
    if (closing) return bodies;
    current = '';
  }
  return current === null ? bodies : [...bodies, current];
}

function decoded(body: string, encoding: string): Buffer {
  switch (encoding.trim().toLowerCase()) {
    case 'base64':
      return Buffer.from(body, 'base64');
    case 'quoted-printable':
      return Buffer.from(
        body
          .replaceAll(/=\r?\n/g, '')
          .replaceAll(/=([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
        'latin1',
      );
    default:
      return Buffer.from(body, 'latin1');
  }
}
