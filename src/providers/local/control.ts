import type {
  Holding,
  LabelChange,
  LaunchAnswer,
  LaunchBatch,
  Observation,
  PowerAnswer,
  Tags,
} from '../provider.ts';

/** What the host process is asked, one JSON document per line, over the subsystem of its own SSH server. */
export const CONTROL_SUBSYSTEM = 'plan-local-control';

export type Power = 'terminate' | 'stop' | 'start' | 'reboot';

export type ControlRequest =
  | {
      readonly kind: 'launch';
      readonly batch: LaunchBatch;
      readonly environment: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'describe'; readonly ids: readonly string[] }
  | { readonly kind: 'power'; readonly power: Power; readonly ids: readonly string[] }
  | {
      readonly kind: 'label';
      readonly changes: readonly (readonly [id: string, change: LabelChange])[];
    }
  /** `expiresAt` null: they do not end by themselves any more. */
  | { readonly kind: 'expire'; readonly ids: readonly string[]; readonly expiresAt: number | null }
  | { readonly kind: 'list'; readonly tags: Partial<Tags> }
  | { readonly kind: 'holdings' }
  /** The host ends by itself once both are 0. */
  | { readonly kind: 'remaining' };

export interface ControlAnswers {
  readonly launch: LaunchAnswer;
  readonly describe: readonly Observation[];
  readonly power: readonly (readonly [id: string, answer: PowerAnswer])[];
  readonly label: readonly (readonly [id: string, answer: PowerAnswer])[];
  readonly expire: readonly (readonly [id: string, answer: PowerAnswer])[];
  readonly list: readonly Observation[];
  readonly holdings: readonly Holding[];
  readonly remaining: { readonly machines: number; readonly clients: number };
}

export type ControlAnswer = ControlAnswers[ControlRequest['kind']];

/** Lines of the channel: requests are answered in any order. */
export interface ControlCall {
  readonly number: number;
  readonly request: ControlRequest;
}

export type ControlReply =
  | { readonly number: number; readonly answer: ControlAnswer }
  | { readonly number: number; readonly error: string };

/** `host.json`: where the host listens. */
export interface ControlAddress {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  readonly hostKey: string;
}

/** Splits a stream of bytes into lines. */
export function createLineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      const line = Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8');
      rest = [];
      start = end + 1;
      onLine(line);
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  };
}
