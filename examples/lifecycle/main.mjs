// A group of machines for weeks: make it, switch a part of it off over night and on again, give some of them a fresh start.
//   node examples/lifecycle/main.mjs
import { openState } from 'launch-plan';

const state = await openState({ cwd: import.meta.dirname });
await state.up('plan.yml', { inputs: { machines: 3 } });
const group = await state.deployment('lifecycle');
try {
  for await (const machine of group.machines()) {
    const { stdout } = await machine.exec('uname -s');
    console.log(`${machine.name} runs ${stdout.toString().trim()}`);
  }

  // Off and on, chosen by a label, by a name, by a function of your own. Disks are kept.
  const stopped = await group.stop({ labels: ['pool=spare'], terms: ['worker-2'] });
  console.log(`off: ${stopped.machines.map(({ machine }) => machine).join(', ')}`);
  const started = await group.start((machine) => machine.state === 'stopped');
  console.log(`on: ${started.machines.map(({ machine, became }) => `${machine} ${became}`).join(', ')}`);

  // Back to the image, one after the other: new instances under the same names.
  await group.exec('worker-0..1', 'echo used > disk');
  await group.replace('worker-0..1', { serial: true });
  for await (const machine of group.machines('worker')) {
    const { stdout } = await machine.exec('cat disk');
    console.log(`${machine.name} is ${stdout.toString().trim()}`);
  }
} finally {
  await group.down();
}
