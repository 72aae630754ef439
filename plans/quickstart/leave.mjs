#!/usr/bin/env node
// Signs this machine off from the registry.
const { REGISTRY, PLAN_MACHINE } = process.env;
const { status } = await fetch(`${REGISTRY}/services/${PLAN_MACHINE}`, { method: 'DELETE' });
console.log(`The registry answered ${status}`);
process.exitCode = status === 200 ? 0 : 1;
