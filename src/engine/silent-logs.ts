import type { LogFile, Logs } from '../state/logs.ts';

const silentLog: LogFile = {
  write: () => undefined,
  end: () => Promise.resolve([]),
  scrub: () => Promise.resolve([]),
};

/** Copies no log: for a command that lacks the sensitive inputs and so cannot hide them. */
export const silentLogs: Logs = { open: () => silentLog };
