// Keeps who is a member: PUT /members/NAME with the token, GET /members with the password, GET /health.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { PASSWORD, PLAN_HOSTNAME, TOKEN } = process.env;
const members = new Set();

const server = createServer((request, response) => {
  const [, place, name] = request.url.split(/[/?]/);
  const key = request.headers.authorization;
  if (place === 'health') response.writeHead(204).end();
  else if (request.method === 'PUT' && key === TOKEN) response.end(String(members.add(name).size));
  else if (request.method === 'GET' && key === PASSWORD) response.end(JSON.stringify([...members]));
  else response.writeHead(403).end();
});

server.listen(0, PLAN_HOSTNAME, () => {
  writeFileSync('store.port.new', String(server.address().port));
  renameSync('store.port.new', 'store.port');
});
