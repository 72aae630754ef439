export type { DeploymentState } from '../state/deployment-state.ts';
export { machineState } from '../state/machine-state.ts';
export type {
  LevelStatus,
  MachineStatus,
  ServiceStatus,
  StatusDocument,
  StatusPaths,
} from '../state/status.ts';
export { statusDocument } from '../state/status.ts';
export type { GroupState } from '../state/status-rules.ts';
export { combinedState, serviceState } from '../state/status-rules.ts';
