// Finds the workers, wherever they are, asks each what it knows, ends all of them, and only then the base that they
// would miss - and that would start them again.
//   node examples/workers-first/main.mjs
import { openState, select } from 'launch-plan';

const state = await openState({ cwd: import.meta.dirname });
await state.up('plan.yml');
const deployment = await state.deployment('workers-first');
const workers = { labels: ['role=worker'] };

const found = select(workers, await deployment.state());
console.log(`found ${found.join(', ')}`);
const { machines } = await deployment.exec(workers, ['id', '-un'], { timeout: 10_000 });
console.log(`${machines.filter(({ outcome }) => outcome.kind === 'ended').length} of them answer`);

await tellWhatBaseKnows();
const gone = await deployment.down({ only: workers });
console.log(`workers ${gone.outcome}`);
await tellWhatBaseKnows();
console.log(`base ${(await deployment.down()).outcome}`);

async function tellWhatBaseKnows() {
  for await (const base of deployment.machines({ labels: ['role=base'] })) {
    const { stdout } = await base.exec('ls ~/workers | wc -l');
    console.log(`${base.name} knows ${stdout.toString().trim()} workers`);
  }
}
