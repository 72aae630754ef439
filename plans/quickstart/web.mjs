// A web server that greets, and that the registry knows once it listens.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { REGISTRY, GREETING, PLAN_HOSTNAME, PLAN_MACHINE } = process.env;

const server = createServer((request, response) => response.end(`${GREETING}\n`));

server.listen(0, PLAN_HOSTNAME, async () => {
  const { port } = server.address();
  const url = `http://${PLAN_HOSTNAME}:${port}/`;
  await fetch(`${REGISTRY}/services/${PLAN_MACHINE}`, { method: 'PUT', body: url });
  writeFileSync('port.new', String(port));
  renameSync('port.new', 'port');
});
