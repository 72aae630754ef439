#!/usr/bin/env node
// Asks every web server through the registry; fails when one is missing or does not greet.
const { REGISTRY, EXPECTED } = process.env;
for (const name of EXPECTED.split(',')) {
  const answer = await fetch(`${REGISTRY}/via/${name}`);
  const text = (await answer.text()).trim();
  console.log(`${name}: ${answer.status} ${text}`);
  if (text !== `Hello from ${name}`) process.exitCode = 1;
}
