import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ApiError } from './api-error.ts';
import type { SignedRequest } from './signature.ts';
import { errorXml } from './xml.ts';

/** A request whose protocol is known. */
export type ApiRequest = SignedRequest & {
  readonly requestId: string;
  readonly call:
    | { readonly kind: 'query'; readonly action: string; readonly params: ReadonlyMap<string, string> }
    | { readonly kind: 'json'; readonly action: string; readonly target: string };
};

/** Text of an answer in the request's protocol, or the end of its connection. */
export type ApiAnswer = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'cut' };

export interface Server extends AsyncDisposable {
  readonly url: string;
}

/** Names of errors in the JSON services, where they are other ones. */
const JSON_NAMES: Readonly<Record<string, string>> = {
  AuthFailure: 'UnrecognizedClientException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
  RequestExpired: 'ExpiredTokenException',
  RequestLimitExceeded: 'ThrottlingException',
  UnauthorizedOperation: 'AccessDeniedException',
  MissingAuthenticationToken: 'MissingAuthenticationTokenException',
};

const JSON_TYPE = 'application/x-amz-json-1.1';

/** Serves on a loopback port of its own. `answer` rejects with ApiError. */
export async function startServer(answer: (request: ApiRequest) => Promise<ApiAnswer>): Promise<Server> {
  const underway = new Set<Promise<void>>();
  const server = createServer((incoming, response) => {
    const work = serve(incoming, response, answer).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
    underway.add(work);
    void work.finally(() => underway.delete(work));
  });
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await Promise.all(underway);
    },
  };
}

async function serve(
  incoming: IncomingMessage,
  response: ServerResponse,
  answer: (request: ApiRequest) => Promise<ApiAnswer>,
): Promise<void> {
  const requestId = randomUUID();
  const isJson = incoming.headers['x-amz-target'] !== undefined;
  const send = (status: number, body: string): void => {
    response.writeHead(status, {
      'content-type': isJson ? JSON_TYPE : 'text/xml;charset=UTF-8',
      'x-amzn-requestid': requestId,
    });
    response.end(body);
  };
  try {
    const body = await text(incoming);
    const answered = await answer({ ...parse(incoming, body), requestId });
    if (answered.kind === 'cut') response.destroy();
    else send(200, answered.text);
  } catch (error) {
    const known = error instanceof ApiError ? error : new ApiError('InternalError', String(error));
    if (isJson) {
      const name = JSON_NAMES[known.code];
      const status = name === undefined ? known.status : 400;
      send(status, JSON.stringify({ __type: name ?? known.code, message: known.message }));
    } else {
      send(known.status, errorXml(known.code, known.message, requestId));
    }
  }
}

function parse(incoming: IncomingMessage, body: string): Omit<ApiRequest, 'requestId'> {
  const { method = '', url = '/', headers } = incoming;
  const signed = { method, path: url, headers, body };
  if (method !== 'POST' || url !== '/') throw new ApiError('InvalidAction', `Only POST / is served here`);
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    return { ...signed, call: { kind: 'json', target, action: target.slice(target.indexOf('.') + 1) } };
  }
  const params = new Map(new URLSearchParams(body));
  const action = params.get('Action') ?? '';
  if (params.get('Version') !== '2016-11-15') {
    throw new ApiError('InvalidAction', `The action ${action} is not valid for this web service.`);
  }
  params.delete('Action');
  params.delete('Version');
  return { ...signed, call: { kind: 'query', action, params } };
}
