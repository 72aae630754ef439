import type { StepKind } from './step.ts';

/** Why a step did not succeed, for programs; `message` says it to people. */
export type FailureReason =
  | 'refused' // the provider refused the request
  | 'timeout' // the step's limit ran out
  | 'exit' // a script ended with a code that is not 0
  | 'fatal-exit' // a verify script ended with one of its fatalExitCodes
  | 'killed' // a script was ended by a signal
  | 'interrupted' // a script's process is gone without an exit code (a reboot, a kill of its shell)
  | 'unreachable' // no connection to the machine
  | 'host-key' // the machine's host key is not the one that is known
  | 'outputs' // bad, missing or undeclared outputs
  | 'template' // a template could not be rendered with the values that there are
  | 'peers' // fewer than `min` machines of a service of the own level were reached
  | 'lost' // the machine is gone at the provider
  | 'stopped' // the machine is off, and nobody asked it to start
  | 'error'; // anything else, such as a disk that is full

/** A step's failure as it is recorded: masked already, safe to print. */
export interface Failure {
  readonly step: StepKind;
  readonly reason: FailureReason;
  /** One sentence without a final period. */
  readonly message: string;
  readonly exitCode: number | null;
  /** The last lines that the script printed, at most 20. */
  readonly logTail: readonly string[];
  /** Path of the log, relative to the state directory. */
  readonly logPath: string | null;
}
