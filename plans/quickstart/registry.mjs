// Keeps who is there: PUT and DELETE /services/NAME, GET /services, and GET /via/NAME asks that service.
import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

const services = new Map();

const server = createServer(async (request, response) => {
  const [, place, name] = request.url.split('/');
  if (place === 'services' && request.method === 'PUT') {
    let url = '';
    for await (const chunk of request) url += chunk;
    services.set(name, url);
    response.end();
  } else if (place === 'services' && request.method === 'DELETE') {
    services.delete(name);
    response.end();
  } else if (place === 'services') {
    response.end(JSON.stringify(Object.fromEntries(services)));
  } else if (place === 'via' && services.has(name)) {
    try {
      const answer = await fetch(services.get(name));
      response.end(await answer.text());
    } catch (error) {
      response.writeHead(502).end(String(error));
    }
  } else {
    response.writeHead(404).end();
  }
});

server.listen(0, process.env.PLAN_HOSTNAME, () => {
  writeFileSync('port.new', String(server.address().port));
  renameSync('port.new', 'port');
});
