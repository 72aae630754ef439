import { Duplex } from 'node:stream';

/** What a channel of the SSH library offers. Its own `destroy` and its `close` event are not those of a stream. */
export interface Channel extends Duplex {
  close(): void;
}

/** A channel as a well-behaved stream: it ends, is destroyed and fails as streams do. */
export function channelStream(channel: Channel, lost: () => Error | undefined): Duplex {
  let written: (() => void) | undefined;
  /** A channel that is closed never drains. */
  function drained(): void {
    const done = written;
    written = undefined;
    done?.();
  }
  const stream = new Duplex({
    read: () => {
      channel.resume();
    },
    write: (chunk: Buffer, _encoding, done) => {
      written = done;
      if (channel.write(chunk)) drained();
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
  channel.on('drain', drained);
  channel.on('data', (chunk: Buffer) => {
    if (!stream.push(chunk)) channel.pause();
  });
  channel.once('end', () => stream.push(null));
  channel.once('close', () => {
    const error = lost();
    drained();
    if (error) stream.destroy(error);
    else if (!stream.writableFinished) stream.end();
  });
  channel.on('error', (error) => stream.destroy(error));
  return stream;
}
