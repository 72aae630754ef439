import type { Call, CallEvents } from './line.ts';
import type { Link } from './link.ts';
import type { CallRequest } from './messages.ts';

/** A connection that a keeper lends. */
export interface Borrowed {
  readonly link: Link;
  /** Asks for something over it. Throws when it is over; `end` is called when it ends before the call does. */
  begin(request: CallRequest, events: CallEvents, end: (error: Error) => void): Call;
}
