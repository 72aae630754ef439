import { Duplex } from 'node:stream';

/** What a channel of the SSH library offers. Its own `destroy` and its `close` event are not those of a stream. */
export interface Channel extends Duplex {
  close(): void;
}

/** A channel as a well-behaved stream: it ends, is destroyed and fails as streams do. */
export function channelStream(channel: Channel, lost: () => Error | undefined): Duplex {
  const stream = new Duplex({
    read: () => {
      channel.resume();
    },
    write: (chunk: Buffer, _encoding, done) => {
      if (channel.write(chunk)) done();
      else channel.once('drain', () => done());
    },
    final: (done) => {
      channel.end();
      done();
    },
    destroy: (error, done) => {
      channel.close();
      done(error);
    },
  });
  channel.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) channel.pause();
  });
  channel.once('end', () => stream.push(null));
  channel.once('close', () => {
    const error = lost();
    if (error) stream.destroy(error);
    else if (!stream.writableFinished) stream.end();
  });
  channel.on('error', (error) => stream.destroy(error));
  return stream;
}
