#!/usr/bin/env node
// Passes when the first store knows every web server, and every store answers.
const { EXPECTED, PASSWORD, STORES } = process.env;
for (const [index, store] of STORES.split(' ').entries()) {
  const answer = await fetch(`${store}/members`, { headers: { authorization: PASSWORD } });
  const members = await answer.json();
  console.log(`${store}: ${members.sort().join(', ') || 'nobody'}`);
  if (index === 0 && members.sort().join(',') !== EXPECTED) process.exitCode = 1;
}
