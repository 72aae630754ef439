import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { ApiError } from './api-error.ts';

/** An account and the one access key that it has here. */
export interface Account {
  /** Twelve digits. */
  readonly id: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Signer {
  readonly account: Account;
  readonly region: string;
  readonly service: string;
}

/** Milliseconds that a signature is good for, before and after its date. */
const GOOD_FOR = 5 * 60_000;

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8})\/([^/,]+)\/([^/,]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;

const NOT_VALID = 'AWS was not able to validate the provided access credentials';

/** Who signed a request (Signature Version 4); throws AuthFailure, SignatureDoesNotMatch or RequestExpired. */
export function createSignatureCheck({
  accounts,
  regions,
  expired,
  wall,
}: {
  readonly accounts: readonly Account[];
  readonly regions: readonly string[];
  /** Access keys whose time is over. */
  readonly expired: ReadonlySet<string>;
  /** Epoch milliseconds of the world in which requests are signed. */
  readonly wall: () => number;
}): (request: SignedRequest) => Promise<Signer> {
  const signers = new Map<string, SignatureV4>();

  return async (request) => {
    const match = AUTHORIZATION.exec(request.headers.authorization ?? '');
    const [, key = '', day = '', region = '', service = '', signed = '', signature = ''] = match ?? [];
    if (match === null)
      throw new ApiError('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
    const account = accounts.find(({ accessKeyId }) => accessKeyId === key);
    if (account === undefined) throw new ApiError('AuthFailure', NOT_VALID);
    if (!regions.includes(region)) {
      throw new ApiError('AuthFailure', `Credential should be scoped to a valid region, not '${region}'.`);
    }
    const date = dateOf(request.headers['x-amz-date']);
    if (date === undefined || !stamp(date).startsWith(day)) {
      throw new ApiError(
        'SignatureDoesNotMatch',
        `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP`,
      );
    }
    if (Math.abs(wall() - date.getTime()) > GOOD_FOR)
      throw new ApiError('RequestExpired', 'Request has expired.');
    const name = `${key} ${region} ${service}`;
    let signer = signers.get(name);
    if (signer === undefined) {
      const { accessKeyId, secretAccessKey } = account;
      const credentials = { accessKeyId, secretAccessKey };
      signer = new SignatureV4({ credentials, region, service, sha256: Sha256, applyChecksum: false });
      signers.set(name, signer);
    }
    const expected = await signatureOf(signer, request, signed.split(';'), date);
    if (!isSame(signature, expected)) {
      throw new ApiError(
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. ' +
          'Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      );
    }
    if (request.headers['x-amz-security-token'] !== account.sessionToken)
      throw new ApiError('AuthFailure', NOT_VALID);
    if (expired.has(key)) throw new ApiError('RequestExpired', 'Request has expired.');
    return { account, region, service };
  };
}

async function signatureOf(
  signer: SignatureV4,
  { method, path, headers, body }: SignedRequest,
  names: readonly string[],
  signingDate: Date,
): Promise<string> {
  const hash = createHash('sha256').update(body).digest('hex');
  const claimed = headers['x-amz-content-sha256'];
  if (!names.includes('host') || (claimed !== undefined && claimed !== hash)) return '';
  const own: Record<string, string> = {};
  for (const name of names) own[name] = String(headers[name] ?? '');
  const again = await signer.sign(
    { method, protocol: 'http:', hostname: '127.0.0.1', path, headers: own, body },
    { signingDate, signableHeaders: new Set(names) },
  );
  return /Signature=([0-9a-f]+)/.exec(again.headers['authorization'] ?? '')?.[1] ?? '';
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** From `20150830T123600Z`. */
function dateOf(text: string | string[] | undefined): Date | undefined {
  if (typeof text !== 'string') return undefined;
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  return new Date(`${year ?? ''}-${month ?? ''}-${day ?? ''}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}Z`);
}

function stamp(date: Date): string {
  return date.toISOString().replaceAll(/[-:]/g, '');
}
