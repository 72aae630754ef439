import type { DeploymentState } from '../state/deployment-state.ts';
import type { StatusDocument } from '../state/status.ts';
import type { RecordedFact } from '../state/store.ts';
import type { Forecast } from './forecast.ts';
import type { Attachment } from './attach.ts';
import type { Cancelled } from './cancel.ts';
import type { EventsOptions } from './events.ts';
import type { ExportOptions, ExportSummary } from './export.ts';
import type { FleetEvent, FleetResult } from './fleet-work.ts';
import type { Forward, ForwardOptions, ForwardTarget } from './forward.ts';
import type { InputOptions } from './given-inputs.ts';
import type { LogFile, LogOptions, LogPiece, LogSelection } from './logs.ts';
import type { Finding } from './look.ts';
import type { MachinesOptions, RunningMachine } from './machines.ts';
import type { Operation, OperationOptions, OperationResult } from './operation.ts';
import type { OutputOptions, Outputs } from './outputs.ts';
import type { CopyEnd, CopyOptions } from './perform-copy.ts';
import type { DownForecast, DownOptions } from './perform-down.ts';
import type { Extension } from './perform-extend.ts';
import type { ExecEnd, FleetCommand, FleetExecOptions } from './perform-exec.ts';
import type { ScaleChange, ScaleOptions } from './perform-scale.ts';
import type { ReplaceOptions, StopOptions, TendOptions, TendResult } from './perform-tend.ts';
import type { Selector } from './select.ts';
import type { Shell, ShellOptions } from './shell.ts';
import type { SshCommand, SshCommandOptions, SshConfig } from './ssh.ts';
import type { StatusOptions } from './status.ts';
import type { WaitOptions, WaitResult } from './wait.ts';

/**
 * A recorded deployment, known by its name. Every method looks at what is recorded when it is called; all reject with
 * `UsageError` when nothing is any more, and with `StateError` when the state cannot be read.
 */
export interface Deployment {
  readonly name: string;
  /** All that is recorded of it. */
  state(): Promise<DeploymentState>;
  /** Levels, services and machines as status shows them, with absolute paths. */
  status(options?: StatusOptions): Promise<StatusDocument>;
  /** True when its operation is recorded as under way and the process of that is gone. */
  isBroken(): Promise<boolean>;
  /** Attributes and outputs of machines. */
  outputs(options?: OutputOptions): Promise<Outputs>;
  /** Its recorded history, oldest first. */
  events(options?: EventsOptions): AsyncIterable<RecordedFact>;
  /** The logs that there are of a machine's scripts, in the order in which they ran. */
  logFiles(machine: string, options?: LogSelection): Promise<readonly LogFile[]>;
  /** What the scripts of a machine printed, masked, in the order in which they ran. */
  logs(machine: string, options?: LogOptions): AsyncIterable<LogPiece>;
  /** The machines that are selected and running, in the order of the plan, to work on. Default: all that are running. */
  machines(selector?: Selector, options?: MachinesOptions): AsyncIterable<RunningMachine>;
  /** Begins a command, or the login shell, on a machine, to talk to: in a terminal, or with its outputs apart. */
  shell(machine: string, options?: ShellOptions): Promise<Shell>;
  /** The command of OpenSSH's client that does the same for people. Writes the file of host keys that it names. */
  sshCommand(machine: string, options?: SshCommandOptions): Promise<SshCommand>;
  /** A configuration for OpenSSH's client, and for what is made of it. Default: all machines. */
  sshConfig(selector?: Selector): Promise<SshConfig>;
  /** Listens on this computer for a TCP port as seen from a machine, until it is disposed of or the signal aborts. */
  forward(machine: string, target: ForwardTarget, options?: ForwardOptions): Promise<Forward>;
  /** The same for several ports, by one connection to the machine: all of them or none, in their order. */
  forwards(
    machine: string,
    targets: readonly ForwardTarget[],
    options?: ForwardOptions,
  ): Promise<readonly Forward[]>;
  /**
   * Runs a command on machines side by side, in the home of the user who runs it, and logs what it prints. One that is
   * out of time or cancelled is ended on the machine, with its process group. Resolves whatever the machines answer.
   */
  exec(
    selector: Selector,
    command: FleetCommand,
    options?: FleetExecOptions & OperationOptions<FleetEvent<ExecEnd>>,
  ): Operation<FleetResult<ExecEnd>, FleetEvent<ExecEnd>>;
  /**
   * Copies files and directories of this computer to machines side by side, with modes and times; links in directories
   * stay links. As with `cp -r` they go into the destination where it is a directory, else the only one becomes it; a
   * directory that is there is merged with, a file is replaced, and nothing is seen under its name before all of it is
   * there. `DIRECTORY/.` stands for what is in it. On machines paths begin at the home of the user, as `~` does.
   */
  copyTo(
    selector: Selector,
    sources: string | readonly string[],
    destination: string,
    options?: CopyOptions & OperationOptions<FleetEvent<CopyEnd>>,
  ): Operation<FleetResult<CopyEnd>, FleetEvent<CopyEnd>>;
  /**
   * Copies files and directories of machines to this computer in the same way. What comes from several machines gets
   * the machine's name appended: `hosts.web-0`.
   */
  copyFrom(
    selector: Selector,
    sources: string | readonly string[],
    destination: string,
    options?: CopyOptions & OperationOptions<FleetEvent<CopyEnd>>,
  ): Operation<FleetResult<CopyEnd>, FleetEvent<CopyEnd>>;
  /** Runs teardown scripts and terminates all machines, levels in reverse order, whatever fails on the way. */
  down(options?: DownOptions & OperationOptions): Operation<OperationResult>;
  /** Reads what a `down` needs, and touches nothing. */
  prepareDown(options?: DownOptions): Promise<Prepared<OperationResult>>;
  /** What a `down` would end, protected machines among it; touches nothing. */
  departures(options?: DownOptions): Promise<DownForecast>;
  /** Sets when it is over, and tells the machines that end by themselves. */
  extend(extension: Extension, options?: InputOptions & OperationOptions): Operation<OperationResult>;
  /** Looks at every machine, level by level, and heals by the least that works what does not verify. */
  repair(options?: InputOptions & OperationOptions): Operation<OperationResult>;
  /** Reads what a `repair` needs, and touches nothing. */
  prepareRepair(options?: InputOptions): Promise<Prepared<OperationResult>>;
  /**
   * Starts machines that are off, levels in order, and sees that they are ready again; bootstraps only where that was
   * never done or a stop has torn it down.
   */
  start(selector: Selector, options?: TendOptions & OperationOptions): Operation<TendResult>;
  /** Reads what a `start` needs, and touches nothing. */
  prepareStart(selector: Selector, options?: TendOptions): Promise<PreparedTend>;
  /** Stops machines and keeps their disks, levels in reverse order; goes on whatever fails. */
  stop(selector: Selector, options?: StopOptions & OperationOptions): Operation<TendResult>;
  /** Reads what a `stop` needs, and touches nothing. */
  prepareStop(selector: Selector, options?: StopOptions): Promise<PreparedTend>;
  /** Reboots machines, levels in order, and sees that they are ready again. One that is off is started. */
  reboot(selector: Selector, options?: TendOptions & OperationOptions): Operation<TendResult>;
  /** Reads what a `reboot` needs, and touches nothing. */
  prepareReboot(selector: Selector, options?: TendOptions): Promise<PreparedTend>;
  /** Gives machines another instance each under the same name, and those that depend on them what that changes. */
  replace(selector: Selector, options?: ReplaceOptions & OperationOptions): Operation<TendResult>;
  /** Reads what a `replace` needs, and touches nothing. */
  prepareReplace(selector: Selector, options?: ReplaceOptions): Promise<PreparedTend>;
  /** Brings services to other numbers of machines than the plan says; that holds until the plan says the same. */
  scale(
    changes: readonly ScaleChange[],
    options?: ScaleOptions & OperationOptions,
  ): Operation<OperationResult>;
  /** Reads what a `scale` needs, and touches nothing. */
  prepareScale(changes: readonly ScaleChange[], options?: ScaleOptions): Promise<PreparedScale>;
  /**
   * Reads what is recorded, and nothing else, until machines are ready, stopped or terminated, or one has failed, or
   * until that cannot come any more.
   */
  wait(options: WaitOptions): Promise<WaitResult>;
  /** The latest operation, which another process may be at work on, to be followed. Rejects with `UsageError`. */
  attach(options?: { readonly signal?: AbortSignal | undefined }): Promise<Attachment>;
  /**
   * Asks the process of this host that is at work on it to end, by SIGTERM, and waits until it has. Rejects with
   * `UsageError` when none is, and with `LockedError` when it cannot be asked from here.
   */
  cancel(options?: { readonly signal?: AbortSignal | undefined }): Promise<Cancelled>;
  /** Asks providers, connects and verifies everywhere, and changes and records nothing. Has no events. */
  verify(options?: InputOptions & OperationOptions): Operation<readonly Finding[]>;
  /**
   * Writes it to a file that the passphrase opens, for `importFrom` of another state directory. Rejects with `UsageError`
   * when the file is there, with `LockedError` while an operation is at work.
   */
  exportTo(file: string, options: ExportOptions): Promise<ExportSummary>;
}

/** An operation that can begin: what is wrong with its plan and inputs was told by then. */
export interface Prepared<R> {
  /** The deployment as it was when the operation was prepared. */
  readonly state: DeploymentState;
  start(options?: OperationOptions): Operation<R>;
}

/** A `start`, `stop`, `reboot` or `replace` that can begin. */
export interface PreparedTend extends Prepared<TendResult> {
  /**
   * Names of the machines that it is done to, those that share them among them, in the order of the plan. Those that
   * are on, or off, already as far as is recorded and those without an instance are not.
   */
  readonly machines: readonly string[];
}

/** A `scale` that can begin. */
export interface PreparedScale extends Prepared<OperationResult> {
  /** What would become of each machine. */
  readonly forecast: Forecast;
}
