// One experiment over two clouds: a server here, a client there, a run of both, and the results of both brought home.
//   AWS_PROFILE=mine node examples/two-clouds/main.mjs
import { openState } from 'launch-plan';

const state = await openState({ cwd: import.meta.dirname });
// What differs between clouds: NAME=VALUE of the plan's inputs.
const inputs = process.argv.slice(2);
await state.up('plan.yml', { inputs });
const experiment = await state.deployment('two-clouds');
try {
  // The same on both, side by side.
  const run = await experiment.exec(
    '*',
    'uname -s > result.txt; cat server.conf >> result.txt 2> /dev/null; true',
  );
  if (!run.succeeded) throw new Error('The experiment failed');
  // result.txt.server-0, result.txt.client-0
  await experiment.copyFrom('*', ['result.txt'], './result.txt');
  for (const cloud of ['one', 'other'])
    for await (const machine of experiment.machines({ labels: [`cloud=${cloud}`] })) {
      const { stdout } = await machine.exec('cat result.txt');
      console.log(
        `${cloud}: ${machine.name} at ${machine.address}: ${stdout.toString().trim().replaceAll('\n', ', ')}`,
      );
    }
} finally {
  await experiment.down();
}
