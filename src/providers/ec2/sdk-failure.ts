import { errorKind, isBreakdown, isThrottle } from './errors.ts';

/** What became of a call that the SDK rejected. */
export type SdkFailure =
  | { readonly kind: 'throttled'; readonly why: string }
  /** It was not delivered or not answered, which is worth another try. */
  | { readonly kind: 'undelivered'; readonly why: string; readonly unknownHost: string | null }
  /** The service answered. `isClockSet`: the SDK has learned the right time by it. */
  | {
      readonly kind: 'refused';
      readonly code: string;
      readonly words: string;
      readonly isClockSet: boolean;
    }
  /** What answers is not the service, or cannot be talked to; another try changes nothing. */
  | { readonly kind: 'unusable'; readonly why: string };

/** Codes of Node for what does not change by itself. */
const UNUSABLE = /^(?:CERT_|DEPTH_ZERO|ERR_|EPROTO$|HPE_|SELF_SIGNED|UNABLE_TO_)/;
/** Marks what the SDK appends to a message about an answer that it cannot read. */
const UNREADABLE = /Deserialization error|parse error/;

/**
 * Nothing of the SDK's error but its code and words is kept, and those as `clean` has them: it carries the request, user
 * data and credentials with it.
 */
export function readSdkFailure(error: unknown, clean: (code: string, words: string) => string): SdkFailure {
  const code = codeOf(error);
  const raw = error instanceof Error ? error.message : '';
  const words = clean(code ?? '', raw);
  const status = statusOf(error);
  const system = text(error, 'code');
  if (system !== null && status === null)
    return UNUSABLE.test(system)
      ? { kind: 'unusable', why: words }
      : {
          kind: 'undelivered',
          why: system === 'ENOTFOUND' ? `there is no such host (${system})` : withCode(words, system),
          unknownHost: system === 'ENOTFOUND' ? text(error, 'hostname') : null,
        };
  if (code === 'TimeoutError' || code === 'ECONNRESET')
    return { kind: 'undelivered', why: 'it did not answer in time (TimeoutError)', unknownHost: null };
  if (code === null || UNREADABLE.test(raw)) return ofUnreadable(status, system, words);
  if (isThrottle(code, words)) return { kind: 'throttled', why: `${code}: ${words}` };
  const isServers = isBreakdown(code) || (status !== null && status >= 500 && errorKind(code) === 'other');
  if (isServers) return { kind: 'undelivered', why: `${code}: ${words}`, unknownHost: null };
  const isClockSet = metadata(error, 'clockSkewCorrected') === true;
  return { kind: 'refused', code, words, isClockSet };
}

/** Node's words have the code in most cases. */
function withCode(words: string, code: string): string {
  return words.includes(code) ? words : `${words} (${code})`;
}

function ofUnreadable(status: number | null, system: string | null, words: string): SdkFailure {
  if (status === 429) return { kind: 'throttled', why: 'HTTP status 429' };
  if (status !== null && status >= 500)
    return { kind: 'undelivered', why: `HTTP status ${status}`, unknownHost: null };
  if (system !== null)
    return { kind: 'undelivered', why: `its answer broke off (${system})`, unknownHost: null };
  if (status !== null)
    return { kind: 'unusable', why: `it answers with HTTP status ${status} and not as the service does` };
  return { kind: 'unusable', why: words };
}

/** EC2's error code, without the prefix that some clouds give it; null for an answer without one. */
function codeOf(error: unknown): string | null {
  const name = text(error, 'name')?.replace(/^(?:Client|Server)\./, '') ?? null;
  return name === 'Error' || name === 'Unknown' || name === 'UnknownError' || name === 'SyntaxError'
    ? null
    : name;
}

function statusOf(error: unknown): number | null {
  const status = metadata(error, 'httpStatusCode');
  return typeof status === 'number' ? status : null;
}

function metadata(error: unknown, key: string): unknown {
  return property(property(error, '$metadata'), key);
}

function text(error: unknown, key: string): string | null {
  const value = property(error, key);
  return typeof value === 'string' ? value : null;
}

function property(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}
