import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Cancel } from './context.ts';
import { messageOf } from './context.ts';

export type HttpAnswer =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'broken'; readonly message: string };

/** Sends one GET over a stream and answers its status code; closes the stream. Rejects only when cancelled. */
export function statusOf(
  stream: Duplex,
  { host, port, path }: { readonly host: string; readonly port: number; readonly path: string },
  { signal }: Cancel,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const finish = (answer: HttpAnswer): void => {
      stream.destroy();
      if (signal.aborted) reject(signal.reason as Error);
      else resolve(answer);
    };
    try {
      const headers = { host: `${host}:${port}`, connection: 'close', 'user-agent': 'launch-plan' };
      const asked = request({ createConnection: () => stream, host, port, path, headers, signal });
      asked.on('response', (response) => {
        response.resume();
        finish({ kind: 'answered', status: response.statusCode ?? 0 });
      });
      asked.on('error', (error) => finish({ kind: 'broken', message: error.message }));
      asked.end();
    } catch (error) {
      finish({ kind: 'broken', message: messageOf(error) });
    }
  });
}
