import type { Duplex } from 'node:stream';

/** A server's channel, as far as it is joined with a stream. */
interface Channel extends Duplex {
  eof(): void;
  close(): void;
}

/** Each direction ends on its own; `end()` of a server's channel would close both. */
export function joinChannel(channel: Channel, stream: Duplex): void {
  channel.pipe(stream);
  stream.on('data', (chunk: Buffer) => {
    stream.pause();
    channel.write(chunk, () => stream.resume());
  });
  stream.on('end', () => channel.eof());
  stream.on('close', () => channel.close());
  stream.on('error', () => channel.close());
  channel.on('error', () => stream.destroy());
  channel.on('close', () => stream.destroy());
}
