import { UsageError } from '../errors.ts';

/** A port of this computer, and the port that it leads to. */
export interface ForwardSpec {
  /** Where to listen; undefined: 127.0.0.1. */
  readonly address: string | undefined;
  /** 0: any that is free. */
  readonly local: number;
  readonly port: number;
}

/** Reads `PORT`, `LOCAL:PORT` or `ADDRESS:LOCAL:PORT`; IPv6 goes in brackets. Throws `UsageError`. */
export function parseForward(text: string): ForwardSpec {
  const match = /^(?:(?:(?:\[([0-9a-f:.%\w]+)\]|([^\s:[\]]+)):)?(\d+):)?(\d+)$/i.exec(text);
  const [, bracketed, name, local, port] = match ?? [];
  const numbers = [Number(local ?? port), Number(port)] as const;
  if (match === null || numbers.some((number) => number > 65_535) || numbers[1] === 0)
    throw new UsageError(
      `Cannot forward "${text}": that is no port`,
      'Write PORT, LOCAL:PORT or ADDRESS:LOCAL:PORT, such as 8080:80; LOCAL 0 is any that is free.',
    );
  return { address: bracketed ?? name, local: numbers[0], port: numbers[1] };
}
