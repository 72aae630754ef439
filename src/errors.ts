/**
 * The errors that the command line turns into exit codes. Everything else that reaches it is a bug in plan
 * (exit code 70). `hint` says what to do next; the command line prints it on a line of its own.
 */
export class PlanError extends Error {
  readonly exitCode: 1 | 2 | 3;
  readonly hint: string | undefined;

  constructor(exitCode: 1 | 2 | 3, message: string, hint?: string) {
    super(message);
    this.name = new.target.name;
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** An unknown name or flag, a refused confirmation: nothing was touched. */
export class UsageError extends PlanError {
  constructor(message: string, hint?: string) {
    super(2, message, hint);
  }
}

/** Another process holds the deployment's lock. */
export class LockedError extends PlanError {
  constructor(message: string, hint?: string) {
    super(3, message, hint);
  }
}

/** The state directory cannot be read or written: missing rights, a full disk, a corrupt or newer database. */
export class StateError extends PlanError {
  constructor(message: string, hint?: string) {
    super(3, message, hint);
  }
}

/** An operation could not begin or go on: the provider's check found problems, for example. */
export class OperationError extends PlanError {
  constructor(message: string, hint?: string) {
    super(1, message, hint);
  }
}
