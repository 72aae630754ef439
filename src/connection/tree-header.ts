import type { ShellText } from './shell-text.ts';

/** The parts of a tar archive's header that are of use here. Names are bytes, which need not be text of any encoding. */
export interface TreeHeader {
  /** `0` file, `5` directory, `2` link, `1` another name of a file before; others as tar has them. */
  readonly type: string;
  readonly name: ShellText;
  readonly target: ShellText;
  readonly mode: number;
  readonly size: number;
  readonly modified: number;
}

export const BLOCK = 512;

const NAME = 100;
/** Most that eleven octal digits can say; a larger size is written in binary. */
const OCTAL_LIMIT = 8 ** 11;

/** A header as GNU tar, bsdtar and busybox read it; names of any length. */
export function encodeHeader(header: TreeHeader): Buffer {
  const { name, target } = header;
  return Buffer.concat([
    ...(name.length > NAME ? longName('L', name) : []),
    ...(target.length > NAME ? longName('K', target) : []),
    block(header),
  ]);
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

function longName(type: string, text: ShellText): readonly Buffer[] {
  const bytes = Buffer.from(`${text}\0`, 'latin1');
  const header = { type, name: '././@LongLink', target: '', mode: 0, size: bytes.length, modified: 0 };
  return [block(header), bytes, padding(bytes.length)];
}

function block({ type, name, target, mode, size, modified }: TreeHeader): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(name.slice(0, NAME), 0, 'latin1');
  octal(bytes, mode, 100, 8);
  octal(bytes, 0, 108, 8);
  octal(bytes, 0, 116, 8);
  if (size < OCTAL_LIMIT) octal(bytes, size, 124, 12);
  else {
    bytes[124] = 0x80;
    bytes.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(bytes, modified, 136, 12);
  bytes.write('        ', 148, 'latin1');
  bytes.write(type, 156, 'latin1');
  bytes.write(target.slice(0, NAME), 157, 'latin1');
  bytes.write('ustar  \0', 257, 'latin1');
  octal(bytes, sumOf(bytes), 148, 7);
  return bytes;
}

function octal(bytes: Buffer, value: number, at: number, width: number): void {
  bytes.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at, 'latin1');
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i += 1) sum += i >= 148 && i < 156 ? 0x20 : (bytes[i] ?? 0);
  return sum;
}

/** Undefined for a block of zeros, with which an archive ends. Throws for what is no header. */
export function decodeHeader(bytes: Buffer): TreeHeader | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined;
  if (number(bytes, 148, 8) !== sumOf(bytes)) throw new Error('what the machine sent is no archive');
  const isUstar = bytes.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(bytes, 345, 155) : '';
  const name = text(bytes, 0, NAME);
  const type = String.fromCharCode(bytes[156] ?? 0);
  return {
    type: type === '\0' || type === '7' ? '0' : type,
    name: prefix === '' ? name : `${prefix}/${name}`,
    target: text(bytes, 157, NAME),
    mode: number(bytes, 100, 8) & 0o777,
    size: number(bytes, 124, 12),
    modified: number(bytes, 136, 12),
  };
}

function text(bytes: Buffer, at: number, width: number): ShellText {
  const end = bytes.indexOf(0, at);
  return bytes.toString('latin1', at, end < 0 || end > at + width ? at + width : end);
}

function number(bytes: Buffer, at: number, width: number): number {
  if (((bytes[at] ?? 0) & 0x80) !== 0) {
    const isNegative = ((bytes[at] ?? 0) & 0x40) !== 0;
    return isNegative ? 0 : Number(bytes.readBigUInt64BE(at + width - 8));
  }
  const digits = text(bytes, at, width).trim();
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}
