/** What goes wrong with a call. */
export type Fault =
  /** The connection is cut and nothing has happened. */
  | { readonly how: 'drop-before' }
  /** The connection is cut after the effect: the answer is lost. */
  | { readonly how: 'drop-after-effect' }
  /** The connection is cut at once, and so many ms of the clock later the call has its effect after all. */
  | { readonly how: 'late-effect'; readonly by: number }
  /** InternalError, without an effect. */
  | { readonly how: 'status-500' }
  /** The effect is at once, its answer so many ms of the clock later. */
  | { readonly how: 'delay'; readonly by: number }
  /** This error, without an effect. */
  | { readonly how: 'error'; readonly code: string; readonly message?: string; readonly status?: number };

export interface Faults {
  /** The next `times` calls (1 by default) of an action go wrong in this way. */
  add(action: string, fault: Fault & { readonly times?: number }): void;
  /** The fault of a call that is made now. */
  take(action: string): Fault | undefined;
}

export function createFaults(): Faults {
  const faults: { readonly action: string; readonly fault: Fault; left: number }[] = [];
  return {
    add(action, { times = 1, ...fault }) {
      faults.push({ action, fault, left: times });
    },
    take(action) {
      const found = faults.find((one) => one.action === action && one.left > 0);
      if (found === undefined) return undefined;
      found.left -= 1;
      return found.fault;
    },
  };
}
