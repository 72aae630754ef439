import type { RecordedFact } from '../../state/store.ts';
import type { DeploymentState } from '../../state/deployment-state.ts';
import type { Command } from '../command-spec.ts';
import type { Context } from '../context.ts';
import { print, printJson } from '../context.ts';
import { givenName, loadDeployment, withStore } from '../deployments.ts';
import { follow } from '../follow.ts';
import { happenings, sentence } from '../render/happening.ts';
import { factLine, writeJsonLine } from '../render/json.ts';
import type { JsonLine } from '../render/json.ts';
import { version } from '../version.ts';

/** Facts that are read at a time. */
const PAGE = 1_000;

export const eventsCommand: Command = (context) =>
  withStore(context, async (store) => {
    const { io, flags, args, options } = context;
    const state = await loadDeployment(store, givenName(context, args[0]));
    const goesOn = options.flag('follow');
    const document: JsonLine[] = [];
    let after = 0;
    if (flags.json && goesOn) writeJsonLine(io.stdout, { type: 'version', format: 1, version: version() });
    const code = await follow(context, { store, state, follow: goesOn }, async () => {
      for (;;) {
        const page = await store.events(state.uuid, { after, limit: PAGE });
        for (const event of page) show(event);
        after = page.at(-1)?.number ?? after;
        if (page.length < PAGE) return;
      }
    });
    if (flags.json && !goesOn) printJson(context, { format: 1, deployment: state.name, events: document });
    return code;

    function show({ number, fact }: RecordedFact): void {
      if (!flags.json) printFact(context, fact, state);
      else {
        const line = { number, ...factLine(fact, state.name) };
        if (goesOn) writeJsonLine(io.stdout, line);
        else document.push(line);
      }
    }
  });

function printFact(context: Context, fact: RecordedFact['fact'], state: DeploymentState): void {
  const time = new Date(fact.at).toISOString();
  for (const happening of happenings(fact, state))
    print(context, `${time}  ${happening.subject}  ${sentence(happening)}`);
}
