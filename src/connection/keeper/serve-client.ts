import type { Socket } from 'node:net';
import { ConnectionError } from '../connection.ts';
import type { Keeping, Loan } from './keeping.ts';
import { FRAME, openLink } from './link.ts';
import { failureOf, parse } from './messages.ts';
import type { CallRequest, Hello, OpenRequest, Request, Welcome } from './messages.ts';
import { serveCall } from './serve-call.ts';
import type { ServedCall } from './serve-call.ts';

export interface ClientTerms {
  readonly keeping: Keeping;
  /** Whether a client may ask for anything. */
  greet(hello: Hello): boolean;
  /** False: connections are no longer kept. */
  keeps(): boolean;
  /** The client is gone, and has given back all that it had. */
  onGone(): void;
}

/** A connection that a client has, or waits for. */
interface Lent {
  readonly cancelled: AbortController;
  loan: Loan | undefined;
  /** Calls that go on over it. */
  readonly calls: Set<number>;
}

/** Serves one command: lends it connections and does what it asks for, until it ends. */
export function serveClient(socket: Socket, { keeping, greet, keeps, onGone }: ClientTerms): void {
  const loans = new Map<number, Lent>();
  const calls = new Map<number, ServedCall>();
  let keep: number | undefined;

  const link = openLink(socket, {
    onFrame(kind, call, payload) {
      if (kind === FRAME.hello) {
        const hello = parse(payload) as Hello;
        const isWelcome = greet(hello);
        if (isWelcome) ({ keep } = hello);
        link.sendJson(FRAME.hello, 0, { isWelcome } satisfies Welcome);
      } else if (keep === undefined) socket.destroy();
      else if (kind === FRAME.request) request(call, parse(payload) as Request);
      else if (kind === FRAME.discard) keeping.discard(parse(payload) as string);
      else if (kind === FRAME.cancel) cancel(call);
      else calls.get(call)?.onFrame(kind, payload);
    },
    onClose() {
      for (const number of loans.keys()) giveBack(number);
      onGone();
    },
  });

  function request(call: number, asked: Request): void {
    if (asked.do === 'open') void lend(call, asked);
    else begin(call, asked);
  }

  async function lend(call: number, { machine, access, password, noPassword }: OpenRequest): Promise<void> {
    const lent: Lent = { cancelled: new AbortController(), loan: undefined, calls: new Set() };
    loans.set(call, lent);
    const target = {
      key: machine,
      access,
      ...(password !== undefined && { password }),
      ...(noPassword !== undefined && { noPassword }),
    };
    const onLost = (): void => {
      const lost = new ConnectionError('lost', 'Cannot go on with a machine: its connection is lost');
      link.sendJson(FRAME.failure, call, failureOf(lost));
    };
    try {
      const loan = await keeping.borrow(target, { signal: lent.cancelled.signal, onLost });
      if (lent.cancelled.signal.aborted) {
        loan.giveBack(keepFor());
        return;
      }
      lent.loan = loan;
      link.sendJson(FRAME.answer, call, { hostKey: loan.hostKey });
    } catch (error) {
      loans.delete(call);
      link.sendJson(FRAME.failure, call, failureOf(error));
    }
  }

  function keepFor(): number {
    return keeps() ? (keep ?? 0) : 0;
  }

  function begin(call: number, asked: CallRequest): void {
    const lent = loans.get(asked.loan);
    if (lent?.loan === undefined) return;
    lent.calls.add(call);
    const over = (): void => {
      calls.delete(call);
      lent.calls.delete(call);
    };
    calls.set(call, serveCall(asked, lent.loan.connection, { link, call }, over));
  }

  function cancel(call: number): void {
    if (loans.has(call)) {
      giveBack(call);
      return;
    }
    calls.get(call)?.cancel();
    // Whether something of it goes on is seen before the connection is lent again.
    for (const lent of loans.values()) lent.calls.delete(call);
  }

  /** What goes on over it is cancelled. As nobody knows how far that came, nobody else gets such a connection. */
  function giveBack(call: number): void {
    const lent = loans.get(call);
    if (lent === undefined) return;
    loans.delete(call);
    const isBusy = lent.calls.size > 0;
    for (const number of lent.calls) calls.get(number)?.cancel();
    lent.cancelled.abort(new ConnectionError('failed', 'Cannot connect: nobody wants it any more'));
    lent.loan?.giveBack(isBusy ? 0 : keepFor());
  }
}
