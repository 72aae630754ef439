// A web server that shows what the store keeps to those who have a relay's ticket.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { STORE, PASSWORD, TICKETS, PLAN_HOSTNAME, PLAN_MACHINE } = process.env;
const tickets = new Set(TICKETS.split(',').map((ticket) => `Bearer ${ticket}`));
const authorization = `Basic ${Buffer.from(`plan:${PASSWORD}`).toString('base64')}`;

const server = createServer(async (request, response) => {
  if (!tickets.has(request.headers.authorization)) return response.writeHead(401).end();
  const note = await fetch(`${STORE}/private/note`, { headers: { authorization } });
  response.writeHead(note.status).end(`${(await note.text()).trimEnd()}, shown by ${PLAN_MACHINE}\n`);
});

server.listen(0, PLAN_HOSTNAME, () => {
  writeFileSync('port.new', String(server.address().port));
  renameSync('port.new', 'port');
});
