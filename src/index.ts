export type { Attachment, FollowedEnd, FollowedEvent } from './api/attach.ts';
export type { Cancelled } from './api/cancel.ts';
export type { DeploymentState, StatusDocument } from './api/deployment-state.ts';
export type {
  GroupState,
  LevelStatus,
  MachineStatus,
  ServiceStatus,
  StatusPaths,
} from './api/deployment-state.ts';
export { machineState, statusDocument } from './api/deployment-state.ts';
export type { Deployment, Prepared, PreparedScale, PreparedTend } from './api/deployment.ts';
export type { DeploymentSummary, RecordedFact } from './api/deployments.ts';
export type { EventsOptions } from './api/events.ts';
export type { ExportOptions, ExportSummary } from './api/export.ts';
export type { FollowOptions } from './api/follow.ts';
export type { FleetEvent, FleetOptions, FleetResult } from './api/fleet-work.ts';
export type { MachineOutcome, MachineResult, OverEvent } from './api/fleet-work.ts';
export type { Difference, Forecast, RevisionAction, ScaledService } from './api/forecast.ts';
export type { GcProblem, GcRequest, GcSurvey, Orphan } from './api/gc.ts';
export type { Forward, ForwardOptions, ForwardTarget } from './api/forward.ts';
export type { InputOptions, Inputs } from './api/given-inputs.ts';
export type { ImportOptions, ImportSummary } from './api/import.ts';
export type { LogFile, LogOptions, LogPiece, LogSelection } from './api/logs.ts';
export type { Finding } from './api/look.ts';
export type { ExecOptions, ExecResult, MachinesOptions, RemoteFile } from './api/machines.ts';
export type { RunningMachine, WorkOptions } from './api/machines.ts';
export { openState } from './api/open-state.ts';
export type { Operation, OperationEvent, OperationOptions, OperationResult } from './api/operation.ts';
export type { MachineOutputs, OutputOptions, Outputs } from './api/outputs.ts';
export type { CopyEnd, CopyOptions } from './api/perform-copy.ts';
export type { Departure, Departures, DownForecast, DownOptions } from './api/perform-down.ts';
export type { Extension } from './api/perform-extend.ts';
export type { ExecEnd, FleetCommand, FleetExecOptions } from './api/perform-exec.ts';
export type { ScaleChange, ScaleOptions } from './api/perform-scale.ts';
export type { MachineEnd, ReplaceOptions, StopOptions } from './api/perform-tend.ts';
export type { TendOptions, TendResult } from './api/perform-tend.ts';
export type { UpOptions } from './api/perform-up.ts';
export type { Problem } from './api/plan-problems.ts';
export { formatProblems, PlanProblems } from './api/plan-problems.ts';
export type { Plan, Planned, PlanRequest } from './api/planned.ts';
export type { SelectableMachine, Selector, SelectOptions, SelectorWords } from './api/select.ts';
export { select } from './api/select.ts';
export type { Environment, StateSettings } from './api/session.ts';
export type { AppearOptions, State } from './api/state.ts';
export type { Shell, ShellEnd, ShellOptions, ShellTerminal } from './api/shell.ts';
export type { SshCommand, SshCommandOptions, SshConfig, SshHost, SshOptions } from './api/ssh.ts';
export type { StatusOptions } from './api/status.ts';
export type { LockHolder, UnlockOptions } from './api/unlock.ts';
export type { Validation } from './api/validate.ts';
export type { AwaitedMachine, WaitGoal, WaitOptions, WaitResult } from './api/wait.ts';
export { LockedError, OperationError, PlanError, StateError, UsageError } from './errors.ts';
export type { Count } from './count.ts';
export type { Fact, OperationKind, OperationRecord, Outcome } from './fact.ts';
export type { Failure, FailureReason } from './failure.ts';
export type { Scalar } from './json.ts';
export type { Access, Addresses, Machine, MachineState, Stage } from './machine.ts';
export type { DockerAccess, ProcessAccess, SshAccess } from './machine.ts';
export type { TerminalSize } from './pseudo-terminal.ts';
export type { Share } from './share.ts';
export type { StepKind } from './step.ts';
