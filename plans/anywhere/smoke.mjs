#!/usr/bin/env node
// Asks every worker with the ticket of every relay, and without one.
const { WORKERS, RELAYS } = process.env;
for (const worker of WORKERS.split(',')) {
  for (const relay of ['nobody', ...RELAYS.split(',')]) {
    const [slot, ticket] = relay.split(' ');
    const answer = await fetch(`http://${worker}/`, { headers: { authorization: `Bearer ${ticket}` } });
    console.log(`${slot}: ${answer.status} ${await answer.text()}`.trimEnd());
    if (answer.status !== (ticket === undefined ? 401 : 200)) process.exitCode = 1;
  }
}
