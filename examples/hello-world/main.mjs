// One machine, one command on it, and nothing left: the first experiment that anybody does.
//   node examples/hello-world/main.mjs
import { openState } from 'launch-plan';

const state = await openState({ cwd: import.meta.dirname });
await state.up('plan.yml'); // comes back when the machine was reached and verified
const experiment = await state.deployment('hello-world');
try {
  const { machines } = await experiment.exec('@only', 'echo "Hello world from $(hostname)"');
  for (const { machine, outcome } of machines)
    console.log(
      `${machine}: ${outcome.kind === 'ended' ? outcome.value.stdout.toString().trim() : outcome.kind}`,
    );
} finally {
  await experiment.down();
}
