/** The longest time that a timer of the runtime takes, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** An alarm clock for many: only the next time counts. */
export interface Deadline {
  /** Epoch milliseconds at which it rings; undefined: it does not. Replaces what was set before. */
  set(at: number | undefined): void;
}

/** `ring` may be called early, and sees for itself whose time is over. */
export function createDeadline(ring: () => void): Deadline {
  let timer: NodeJS.Timeout | undefined;
  return {
    set(at) {
      clearTimeout(timer);
      if (at !== undefined) timer = setTimeout(ring, Math.min(LONGEST, Math.max(0, at - Date.now())));
    },
  };
}
