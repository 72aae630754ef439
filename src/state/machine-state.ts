import type { Machine, MachineState } from '../machine.ts';

/** The word that status uses. A machine that waits is named after the step that is due. */
export function machineState(machine: Machine): MachineState {
  if (machine.stage === 'gone') return 'terminated';
  if (machine.gaveUp) return machine.failure?.reason === 'lost' ? 'lost' : 'failed';
  if (machine.stage === 'stopping' || machine.stage === 'stopped') return machine.stage;
  if (machine.running?.step === 'teardown' || machine.tornDown) return 'terminating';
  switch (machine.stage) {
    case 'none':
      return 'pending';
    case 'requested':
    case 'launched':
    case 'rebooting':
      return 'launching';
    case 'running':
      return 'connecting';
    case 'connected':
      return 'bootstrapping';
    case 'bootstrapped':
      return 'verifying';
    case 'ready':
      return 'ready';
    case 'replacing':
    case 'leaving':
      return 'terminating';
  }
}
